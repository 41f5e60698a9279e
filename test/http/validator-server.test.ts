import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { validatorServer } from '../../src/http/validator-server.ts'
import { folderOf, WitnessState } from '../../src/trust/witness/witness-state.ts'
import { Witness } from '../../src/trust/witness/witness.ts'
import { LOG_SIGNER, ORIGIN, SampleLog, witnessSigner } from '../trust/sample-log.ts'
import { temporaryFolders } from '../trust/temporary-folder.ts'

const newFolder = temporaryFolders()
type Server = ReturnType<typeof validatorServer>

let sample: SampleLog
let server: Server
let witness: Witness
let now: number
/** What holds up a verification. */
let gate: Promise<unknown>
let looking: Promise<undefined>
let onLook: (value: undefined) => void

const start = async (options: Partial<Parameters<typeof validatorServer>[0]> = {}): Promise<Server> => {
  const started = validatorServer({ witness, origins: [ORIGIN], clock: () => now, ...options })
  await started.listen({ host: '127.0.0.1', port: 0 })
  return started
}
const portOf = (of: Server): number => (of.server.address() as AddressInfo).port
const url = (path: string): string => `http://127.0.0.1:${portOf(server)}${path}`
const post = async (body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Response> => await fetch(url('/add-checkpoint'), { method: 'POST', body: Buffer.from(body), headers })
/** What a raw connection is answered, until it is closed. */
const raw = async (...pieces: string[]): Promise<{ socket: Socket, answer: Promise<string> }> => {
  const socket = connect(portOf(server), '127.0.0.1')
  socket.on('error', () => undefined)
  const answer = textOf(socket).catch(() => '')
  for (const piece of pieces) socket.write(piece)
  return { socket, answer }
}

beforeEach(async () => {
  sample = new SampleLog()
  await sample.grow(6)
  now = 0
  gate = Promise.resolve()
  const look = Promise.withResolvers<undefined>()
  looking = look.promise
  onLook = look.resolve
  witness = new Witness({
    signer: witnessSigner('validator.example/one', 9), state: new WitnessState(await newFolder()), logKey: origin => origin === ORIGIN ? LOG_SIGNER.key : undefined,
    inspect: async () => {
      onLook(undefined)
      await gate
      return { verified: [] }
    },
  })
  server = await start()
})
afterEach(async () => { await server.close() })

describe('POST /add-checkpoint', () => {
  it('answers with a cosignature as text', async () => {
    const response = await post(await sample.request(0, 3))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toMatch(/^— validator\.example\/one \S+\n$/)
  })

  it('answers a conflict in the type of the protocol, to the letter', async () => {
    await post(await sample.request(0, 3))
    const response = await post(await sample.request(0, 6))
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([409, 'text/x.tlog.size', '3\n'])
  })

  it('takes the body whatever it is called', async () => {
    for (const [index, type] of ['application/json', 'text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded'].entries()) {
      expect((await post(await sample.request(index, index + 1), { 'content-type': type })).status, type).toBe(200)
    }
    const { answer } = await raw(`POST /add-checkpoint HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello`)
    expect(await answer).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('answers 400 to nothing, and 413 to too much', async () => {
    expect((await post('')).status).toBe(400)
    expect((await fetch(url('/add-checkpoint'), { method: 'POST' })).status).toBe(400)
    expect((await post(Buffer.alloc(262_145, 10))).status).toBe(413)
    const { socket, answer } = await raw('POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n', ...Array.from({ length: 6 }, () => `10000\r\n${'y'.repeat(65_536)}\r\n`))
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /)
    socket.destroy()
  })

  it('answers 404 to other methods and paths', async () => {
    for (const [method, path] of [['GET', '/add-checkpoint'], ['PUT', '/add-checkpoint'], ['POST', '/'], ['POST', '/sign-subtree'], ['GET', '/add-checkpoint/x'], ['GET', '/%00'], ['GET', '/../../etc/passwd']] as const) {
      expect((await fetch(url(path), { method })).status, `${method} ${path}`).toBe(404)
    }
  })

  it('answers any body with a refusal in text, and lives', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async bytes => {
      const response = await post(bytes)
      expect([400, 403, 404]).toContain(response.status)
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    }), { numRuns: 50 })
    expect((await post(await sample.request(0, 3))).status).toBe(200)
  })

  it('closes a connection whose request does not come to its end', async () => {
    await server.close()
    server = await start({ requestTimeoutMs: 200 })
    const { answer } = await raw('POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nold')
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('keeps connections alive', async () => {
    const request = `GET /none HTTP/1.1\r\nhost: x\r\n\r\n`
    const { answer } = await raw(request, request, request.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
    expect((await answer).match(/HTTP\/1\.1 404/g)).toHaveLength(3)
  })

  it('answers 429 to who asks too often, until some time has passed', async () => {
    await server.close()
    server = await start({ requestsPerMinute: 3 })
    const statuses = async (count: number): Promise<number[]> => await Array.fromAsync({ length: count }, async () => (await post('')).status)
    expect(await statuses(5)).toEqual([400, 400, 400, 429, 429])
    now += 20_000
    expect(await statuses(2)).toEqual([400, 429])
  })

  it('finishes what it is at when it is closed, and then takes nothing new', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    gate = promise
    const address = url('/add-checkpoint')
    const asking = post(await sample.request(0, 3))
    await looking
    const closing = server.close()
    resolve(undefined)
    expect((await asking).status).toBe(200)
    await closing
    await expect(fetch(address, { method: 'POST' })).rejects.toThrow('fetch failed')
  })
})

describe('GET /<origin hash>/checkpoint', () => {
  it('serves the newest cosigned checkpoint of its log, and 404 before and for others', async () => {
    const path = `/${folderOf(ORIGIN)}/checkpoint`
    expect((await fetch(url(path))).status).toBe(404)
    await post(await sample.request(0, 3))
    const response = await fetch(url(path))
    expect(response.status).toBe(200)
    expect(await response.text()).toContain(`${ORIGIN}\n3\n`)
    expect((await fetch(url(`/${folderOf('caf/other')}/checkpoint`))).status).toBe(404)
  })
})
