import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { logOrigin } from '../../engine/open-log.ts'
import { openWitness } from '../../engine/open-witness.ts'
import { BackupError, isBackupError, systemCode } from '../../errors.ts'
import { validatorServer } from '../../http/validator-server.ts'
import { openWitnessKey, stateFolderOf } from '../../trust/witness/witness-key.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { printable } from '../printable.ts'
import { STATE_OPTION } from './validator-key.ts'

interface ServeOptions {
  readonly state: string
  readonly listen: Listen
  readonly name?: string
  readonly readData?: 'new' | number
}

interface Listen {
  readonly host: string
  readonly port: number
}

/** How long requests at work are waited for when it is told to stop. */
const STOP_MS = 10_000

export function addValidatorServe (validator: Command, cli: Cli): void {
  const command = validator.command('serve').description('Answer requests to cosign until it is told to stop; re-verifies each snapshot in its own reading of the repository.')
    .option(...STATE_OPTION)
    .addOption(new Option('--listen <address>', 'host and port').argParser(listenOf).default({ host: '127.0.0.1', port: 8441 }, '127.0.0.1:8441'))
    .option('--name <name>', 'what a new key is called, as validator.example.com/backups')
    .option('--read-data <amount>', 'chunks to read: the "new" ones, or a share of the known ones too, as 0.1', readDataOf, 'new')
    .action(async (options: ServeOptions) => { await serve(cli, options) })
  addExamples(command, [
    ['caf validator serve --repository /mnt/backups --state /var/lib/caf-validator', 'for this machine alone, or behind a proxy with TLS'],
    ['caf validator serve --listen 10.0.0.7:8441', 'for the network'],
    ['caf validator serve --read-data 0.05', 'reads 5 % of the old chunks again with each snapshot'],
  ])
}

async function serve (cli: Cli, { state: folder, listen, name, readData }: ServeOptions): Promise<void> {
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

function listenOf (value: string): Listen {
  const [, six, host = six, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value) ?? []
  if (host === undefined || Number(port) > 65_535) throw new InvalidArgumentError('It must be <host>:<port>, as 127.0.0.1:8441 or [::1]:8441.')
  return { host, port: Number(port) }
}

/** Not none of them: what a cosignature of ours means must not depend on how the validator was started. */
function readDataOf (value: string): 'new' | number {
  if (value === 'new') return value
  const share = Number(value)
  if (!/^\d(\.\d+)?$/.test(value) || share > 1) throw new InvalidArgumentError('It must be "new" or a share from 0 to 1.')
  return share
}
