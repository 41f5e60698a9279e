import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { logOrigin } from '../../engine/open-log.ts'
import { openWitness } from '../../engine/open-witness.ts'
import { BackupError, isBackupError, systemCode } from '../../errors.ts'
import { validatorServer } from '../../http/validator-server.ts'
import { openWitnessKey, stateFolderOf } from '../../trust/witness/witness-key.ts'
import type { Cli } from '../cli.ts'
import { printable } from '../printable.ts'

export interface ServeOptions {
  readonly state: string
  readonly listen: Listen
  readonly name?: string
  readonly readData?: 'new' | number
}

export interface Listen {
  readonly host: string
  readonly port: number
}

/** How long requests at work are waited for when it is told to stop. */
const STOP_MS = 10_000

export async function serve (cli: Cli, { state: folder, listen, name, readData }: ServeOptions): Promise<void> {
  const state = resolve(cli.terminal.cwd, folder)
  const signer = await openWitnessKey(state, { name })
  await cli.withRepository(async ({ repository }) => {
    const stopping = new AbortController()
    const witness = openWitness(repository, { signer, stateFolder: stateFolderOf(state), data: readData, signal: stopping.signal, onError: error => { complain(cli, error) } })
    const server = validatorServer({ witness, origins: [logOrigin(repository)] })
    try {
      const url = await listenOn(server, listen)
      await cli.output.record({ validator: signer.key.name, url, repository: repository.config.id }, () => `${printable(signer.key.name)} validates ${printable(repository.backend.location)} on ${url}`)
      if (!cli.signal.aborted) await once(cli.signal, 'abort')
    } finally {
      const giveUp = setTimeout(() => { stopping.abort(new BackupError('CANCELLED', 'the validator was told to stop')) }, STOP_MS)
      await server.close()
      clearTimeout(giveUp)
    }
  })
}

async function listenOn (server: ReturnType<typeof validatorServer>, { host, port }: Listen): Promise<string> {
  try {
    await server.listen({ host, port })
  } catch (error) {
    throw new BackupError('INVALID_OPTION', `cannot listen on ${host}:${port}: ${systemCode(error) ?? String(error)}`, { data: { host, port }, cause: error })
  }
  const { address, port: actual, family } = server.server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`
}

function complain ({ terminal: { stderr } }: Cli, error: unknown): void {
  const code = isBackupError(error) ? ` [${error.code}]` : ''
  stderr.write(`caf: could not look: ${printable(error instanceof Error ? error.message : String(error))}${code}\n`)
}
