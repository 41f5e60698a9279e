import type { Command } from 'commander'
import { createFromConfig } from '../../config/open-config.ts'
import { BackupError } from '../../errors.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { repeated } from '../option-values.ts'

interface InitOptions extends GlobalOptions {
  readonly sealed?: true
  readonly recipient?: readonly string[]
  readonly label?: string
}

export function addInit (program: Command, cli: Cli): void {
  const command = program.command('init').description('Make an empty repository.')
    .option('--sealed', "seal it: only who has the project's secret can read it (default when the configuration has `sealing`)")
    .option('--recipient <recipient>', 'let the owner of this age key, age1…, open it too (may be repeated)', repeated)
    .option('--label <text>', "what to call the secret's slot (default: secret)")
    .action(async (_options: unknown, self: Command) => { await init(cli, self.optsWithGlobals<InitOptions>()) })
  addExamples(command, [
    ['caf init', 'in .backups, or where the configuration says'],
    ['caf init --repository /srv/backups', 'somewhere else'],
    ['caf init --sealed', 'for who has CAF_SECRET or JWT_SECRET'],
    ['caf init --sealed --recipient age1…', 'and for the owner of an age key'],
  ])
}

async function init (cli: Cli, { sealed, recipient: recipients = [], label = 'secret' }: InitOptions): Promise<void> {
  const config = await cli.config()
  const isSealed = sealed ?? config.sealing.required
  if (!isSealed && recipients.length > 0) throw new BackupError('INVALID_OPTION', 'a repository that is not sealed has no recipients: give --sealed too')
  const repository = await createFromConfig(config, { signal: cli.signal, sealedFor: isSealed ? { recipients, label } : undefined })
  await repository.close()
  const { id, created } = repository.config
  await cli.output.result({ repository: config.repository, id, created, sealed: isSealed }, () => {
    cli.output.line(`made ${isSealed ? 'sealed ' : ''}repository ${id.slice(0, 12)} in ${config.repository}`)
    if (isSealed) cli.output.line('without a secret or key that opens it everything in it is lost: `caf key export` prints a sheet for the safe')
    cli.output.line('next: `caf doctor` looks whether everything is there, `caf snapshot` takes the first snapshot')
  })
}
