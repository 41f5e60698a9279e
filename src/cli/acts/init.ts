import { createFromConfig } from '../../config/open-config.ts'
import { BackupError } from '../../errors.ts'
import type { Cli, GlobalOptions } from '../cli.ts'

export interface InitOptions extends GlobalOptions {
  readonly sealed?: true
  readonly recipient?: readonly string[]
  readonly label?: string
}

export async function init (cli: Cli, { sealed, recipient: recipients = [], label = 'secret' }: InitOptions): Promise<void> {
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
