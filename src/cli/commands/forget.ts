import type { Command } from 'commander'
import type { ForgetOptions } from '../acts/forget.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { addRetentionOptions } from '../retention-options.ts'

export function addForget (program: Command, cli: Cli): void {
  const command = program.command('forget').description('Hide snapshots for good, by name or by rule. `--gc`, or `caf gc` later, frees their space.')
    .argument('[snapshots...]', 'the snapshots to forget; without any the rules choose, in each project on its own')
  addRetentionOptions(command)
    .optionsGroup('Options:')
    .option('--gc', 'free their space at once, as `caf gc` does')
    .option('--dry-run', 'only show what would be forgotten')
    .option('-y, --yes', 'do not ask')
    .action(async (references: string[], _options: unknown, self: Command) => {
      const { forget } = await import('../acts/forget.ts')
      await forget(cli, references, self.optsWithGlobals<ForgetOptions>())
    })
  addExamples(command, [
    ['caf forget 3f9a71c0', 'one snapshot'],
    ['caf forget --keep-daily 7 --keep-weekly 4 --dry-run', 'see what the rules would forget'],
    ['caf forget --yes --gc', "apply the configuration's retention and free the space, from cron"],
  ])
}
