import type { Command } from 'commander'
import type { SnapshotsOptions } from '../acts/snapshots.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { wholeNumber } from '../option-values.ts'

export function addSnapshots (program: Command, cli: Cli): void {
  const command = program.command('snapshots').description('List the snapshots, oldest first; with --project those of one project.')
    .option('--tag <tag>', 'only those with this tag')
    .option('--last <n>', 'only the newest n', wholeNumber(1))
    .action(async (_options: unknown, self: Command) => {
      const { list } = await import('../acts/snapshots.ts')
      await list(cli, self.optsWithGlobals<SnapshotsOptions>())
    })
  addExamples(command, [
    ['caf snapshots', 'all of them'],
    ['caf snapshots --tag nightly --last 5', 'the newest five with a tag'],
    ['caf snapshots --json | jq -r ".[-1].id"', 'the newest id, for a script'],
  ])
}
