import type { Command } from 'commander'
import type { SnapshotOptions } from '../acts/snapshot.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { repeated } from '../option-values.ts'

export function addSnapshot (program: Command, cli: Cli): void {
  const command = program.command('snapshot').description('Capture every configured source as one snapshot. It appears whole at the end, or not at all.')
    .option('-d, --description <text>', 'what it is for', '')
    .option('-t, --tag <tag>', 'a mark to find it by; may be repeated', repeated)
    .option('--source <name>', 'only this source; may be repeated', repeated)
    .option('--full-read', 'read everything, also what seems to be as it was in the snapshot before')
    .action(async (_options: unknown, self: Command) => {
      const { take } = await import('../acts/snapshot.ts')
      await take(cli, self.optsWithGlobals<SnapshotOptions>())
    })
  addExamples(command, [
    ['caf snapshot', 'everything'],
    ['caf snapshot -d "before the upgrade" -t upgrade', 'with a reason to find it by'],
    ['caf snapshot --source files', 'one source alone'],
  ])
}
