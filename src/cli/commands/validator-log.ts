import type { Command } from 'commander'
import { BackupError } from '../../errors.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addValidatorLog (validator: Command, cli: Cli): void {
  const command = validator.command('log').description("Print the line of the repository's log for a policy file.")
    .action(async () => {
      const { readLogVkey } = await import('../../trust/keys/log-key.ts')
      await cli.withRepository(async ({ repository }) => {
        const vkey = await readLogVkey(repository.backend, { signal: cli.signal })
        if (vkey === undefined) throw new BackupError('INVALID_OPTION', `the repository in ${repository.backend.location} has no log yet: its first snapshot begins one`)
        await cli.output.result({ vkey, line: `log ${vkey}` }, () => { cli.output.line(`log ${vkey}`) })
      })
    })
  addExamples(command, [['caf validator log >> policy', 'a line of the policy file']])
}
