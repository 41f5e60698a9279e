import type { Command } from 'commander'
import { createFromConfig } from '../../config/open-config.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addInit (program: Command, cli: Cli): void {
  const command = program.command('init').description('Make an empty repository.').action(async () => {
    const config = await cli.config()
    const repository = await createFromConfig(config, { signal: cli.signal })
    await repository.close()
    const { id, created } = repository.config
    await cli.output.result({ repository: config.repository, id, created }, () => {
      cli.output.line(`made repository ${id.slice(0, 12)} in ${config.repository}`)
      cli.output.line('next: `caf doctor` looks whether everything is there, `caf snapshot` takes the first snapshot')
    })
  })
  addExamples(command, [
    ['caf init', 'in .backups, or where the configuration says'],
    ['caf init --repository /srv/backups', 'somewhere else'],
  ])
}
