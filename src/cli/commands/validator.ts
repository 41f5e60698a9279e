import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Argument, InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { logOrigin, openWitness } from '../../engine/open-witness.ts'
import { BackupError, isBackupError, systemCode } from '../../errors.ts'
import { validatorServer } from '../../http/validator-server.ts'
import { readLogVkey } from '../../trust/keys/log-key.ts'
import { formatVkey } from '../../trust/log/note-key.ts'
import { openWitnessKey, stateFolderOf } from '../../trust/witness/witness-key.ts'
import type { Cli, Opened } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { printable } from '../printable.ts'

interface ValidatorOptions {
  readonly state: string
  readonly listen: Listen
  readonly name?: string
  readonly url?: string
  readonly data?: 'none' | 'new' | number
}

interface Listen {
  readonly host: string
  readonly port: number
}

/** How long requests at work are waited for when it is told to stop. */
const STOP_MS = 10_000

export function addValidator (program: Command, cli: Cli): void {
  const command = program.command('validator').description('Be a validator of a repository: re-verify each snapshot and cosign it, for those who take them elsewhere.')
    .addArgument(new Argument('<act>', 'serve: answer requests; key: print its line for a policy file; log: print the line of the repository\'s log').choices(['serve', 'key', 'log']))
    .option('--state <folder>', 'where it keeps its key and what it has cosigned', '.caf-validator')
    .option('--listen <address>', 'host and port to listen on', listenOf, { host: '127.0.0.1', port: 8441 })
    .option('--name <name>', 'what a new key is called, as validator.example.com/backups')
    .option('--url <url>', 'put into the line: where others reach it')
    .option('--data <amount>', 'chunks to read: new ones, none, or a share of the known ones too, as 0.1', dataOf)
    .action(async (act: 'serve' | 'key' | 'log', options: ValidatorOptions) => {
      if (act === 'serve') await serve(cli, options)
      else await cli.output.result(...await lineOf(cli, act, options))
    })
  addExamples(command, [
    ['caf validator serve --state /var/lib/caf-validator --repository /mnt/backups', 'on the machine of the validator'],
    ['caf validator key --state /var/lib/caf-validator --url http://10.0.0.7:8441 >> policy', 'its line for the policy file'],
    ['caf validator log >> policy', "the line of the repository's log"],
  ])
}

async function lineOf (cli: Cli, act: 'key' | 'log', options: ValidatorOptions): Promise<[document: unknown, print: () => void]> {
  if (act === 'key') {
    const { key } = await openWitnessKey(options.state, options)
    const url = options.url === undefined ? [] : [options.url]
    const line = ['witness', key.name, formatVkey(key), ...url].join(' ')
    return [{ name: key.name, vkey: formatVkey(key), line }, () => { cli.output.line(line) }]
  }
  return await cli.withRepository(async ({ repository }) => {
    const vkey = await readLogVkey(repository.backend, { signal: cli.signal })
    if (vkey === undefined) throw new BackupError('REPOSITORY_MISSING', `the repository in ${repository.backend.location} has no log yet: its first snapshot begins one`)
    return [{ vkey, line: `log ${vkey}` }, () => { cli.output.line(`log ${vkey}`) }]
  })
}

async function serve (cli: Cli, options: ValidatorOptions): Promise<void> {
  const signer = await openWitnessKey(options.state, options)
  await cli.withRepository(async opened => {
    const stopping = new AbortController()
    const witness = openWitness(opened.repository, { signer, stateFolder: stateFolderOf(options.state), data: options.data, signal: stopping.signal, onError: error => { complain(cli, error) } })
    const server = validatorServer({ witness, origins: [logOrigin(opened.repository)] })
    try {
      await announce(cli, opened, await listen(server, options.listen), signer.key.name)
      if (!cli.signal.aborted) await once(cli.signal, 'abort')
    } finally {
      const giveUp = setTimeout(() => { stopping.abort(new BackupError('CANCELLED', 'the validator was told to stop')) }, STOP_MS)
      await server.close()
      clearTimeout(giveUp)
    }
  })
}

async function listen (server: ReturnType<typeof validatorServer>, { host, port }: Listen): Promise<string> {
  try {
    await server.listen({ host, port })
  } catch (error) {
    throw new BackupError('INVALID_OPTION', `cannot listen on ${host}:${port}: ${systemCode(error) ?? String(error)}`, { data: { host, port }, cause: error })
  }
  const { address, port: actual, family } = server.server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`
}

async function announce (cli: Cli, { repository }: Opened, url: string, name: string): Promise<void> {
  await cli.output.record({ validator: name, url, repository: repository.config.id }, () => `${printable(name)} validates ${repository.backend.location} on ${url}`)
}

function complain ({ terminal: { stderr } }: Cli, error: unknown): void {
  const code = isBackupError(error) ? ` [${error.code}]` : ''
  stderr.write(`caf: could not look: ${printable(error instanceof Error ? error.message : String(error))}${code}\n`)
}

function listenOf (value: string): Listen {
  const [, host, port] = /^(?:\[([^\]]+)\]|[^:]*):(\d{1,5})$/.exec(value) ?? []
  if (port === undefined || Number(port) > 65_535) throw new InvalidArgumentError('It must be <host>:<port>, as 127.0.0.1:8441 or [::1]:8441.')
  return { host: host ?? value.slice(0, value.lastIndexOf(':')), port: Number(port) }
}

function dataOf (value: string): 'none' | 'new' | number {
  if (value === 'none' || value === 'new') return value
  const share = Number(value)
  if (!/^\d(\.\d+)?$/.test(value) || share > 1) throw new InvalidArgumentError('It must be "new", "none" or a share from 0 to 1.')
  return share
}
