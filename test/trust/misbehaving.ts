import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { cosign } from '../../src/trust/log/cosignature.ts'
import type { NoteKey, NoteSigner } from '../../src/trust/log/note-key.ts'
import { formatSignature } from '../../src/trust/log/signed-note.ts'
import { parseWitnessRequest } from '../../src/trust/witness/witness-request.ts'
import { witnessSigner } from './sample-log.ts'

export interface Misbehaving {
  readonly name: string
  readonly key: NoteKey
  readonly url: string
  close(): Promise<void>
}

interface Situation {
  /** Text of the checkpoint that it is asked to cosign. */
  readonly text: string
  readonly size: number
  readonly signer: NoteSigner
  readonly response: ServerResponse
}

const NOW = 1_800_000_000
const line = (text: string, signer: NoteSigner): string => formatSignature(cosign(text, signer, NOW))
const answer = (response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void => { response.writeHead(status, { 'content-type': type }).end(body) }
const otherRoot = (text: string): string => text.replace(/\n[A-Za-z0-9+/]{43}=\n/, `\n${Buffer.alloc(32, 7).toString('base64')}\n`)

let turns = 0

/** Ways in which a validator can be bad. */
export const MISBEHAVIOURS: Readonly<Record<string, (situation: Situation) => void>> = {
  'answers garbage': ({ response }) => { answer(response, 200, '\u0000<html>cosigned!</html>\n') },
  'answers nothing with 200': ({ response }) => { answer(response, 200, '') },
  "gives someone else's cosignature": ({ text, response }) => { answer(response, 200, line(text, witnessSigner('validator.example/50', 50))) },
  "gives someone else's cosignature under its own name": ({ text, signer, response }) => {
    answer(response, 200, line(text, { key: signer.key, sign: message => witnessSigner('validator.example/50', 50).sign(message) }))
  },
  'cosigns another root': ({ text, signer, response }) => { answer(response, 200, line(otherRoot(text), signer)) },
  'cosigns another size': ({ text, size, signer, response }) => { answer(response, 200, line(text.replace(`\n${size}\n`, `\n${size + 1}\n`), signer)) },
  'leaves the time out': ({ text, signer, response }) => { answer(response, 200, formatSignature(cosign(text, signer, 0))) },
  'says that it is at a size that nobody has': ({ response }) => { answer(response, 409, '999999999999\n', 'text/x.tlog.size') },
  'names a size that is no number': ({ response }) => { answer(response, 409, '1e3\n', 'text/x.tlog.size') },
  'names the same size over and over': ({ response }) => { answer(response, 409, '1\n', 'text/x.tlog.size') },
  'names another size each time': ({ size, response }) => {
    answer(response, 409, `${turns++ % size}\n`, 'text/x.tlog.size')
  },
  'names a size in another type': ({ response }) => { answer(response, 409, '1\n') },
  'answers without an end': ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const more = (): void => { while (!response.destroyed && response.write('x'.repeat(65_536))); }
    response.on('drain', more)
    more()
  },
  'sends elsewhere': ({ response }) => { response.writeHead(307, { location: 'http://127.0.0.1:1/add-checkpoint' }).end() },
  'breaks off': ({ response }) => { response.socket?.destroy() },
  'refuses with control characters': ({ response }) => { answer(response, 422, 'no\u001b[2J\u0007!\n') },
  'does not answer': () => undefined,
}

/** A small server that is asked as a validator and is none. */
export async function startMisbehaving (seed: number, misbehave: (situation: Situation) => void): Promise<Misbehaving> {
  const signer = witnessSigner(`validator.example/${seed}`, seed)
  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { note, checkpoint: { size } } = parseWitnessRequest(await buffer(request))
    misbehave({ text: note.text, size, signer, response })
  }
  const server = createServer((request, response) => { void onRequest(request, response) })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return {
    name: `v${seed}`, key: signer.key, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close () {
      server.closeAllConnections()
      await new Promise(resolve => { server.close(resolve) })
    },
  }
}

/** A validator that is down: nobody listens there any more. */
export async function stoppedValidator (seed: number): Promise<Misbehaving> {
  const server = await startMisbehaving(seed, () => undefined)
  await server.close()
  return server
}
