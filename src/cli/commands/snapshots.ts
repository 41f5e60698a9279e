import type { Command } from 'commander'
import { listViews } from '../../engine/snapshot-view.ts'
import type { SnapshotView } from '../../engine/snapshot-view.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { wholeNumber } from '../option-values.ts'
import { printableDate } from '../printable.ts'
import { shortId, snapshotDocument, validators } from '../snapshot-text.ts'
import type { Column } from '../text-table.ts'

interface SnapshotsOptions extends GlobalOptions {
  readonly tag?: string
  readonly last?: number
}

const COLUMNS: ReadonlyArray<Column<SnapshotView>> = [
  { title: 'id', cell: ({ id }) => shortId(id) },
  { title: 'created', cell: ({ timestamp }) => printableDate(timestamp) },
  { title: 'project', cell: ({ project }) => project },
  { title: 'tags', cell: ({ block }) => block.tags.join(', ') },
  { title: 'validated by', cell: validators },
  { title: 'description', cell: ({ block }) => block.description },
]

export function addSnapshots (program: Command, cli: Cli): void {
  const command = program.command('snapshots').description('List the snapshots, oldest first; with --project those of one project.')
    .option('--tag <tag>', 'only those with this tag')
    .option('--last <n>', 'only the newest n', wholeNumber(1))
    .action(async (_options: unknown, self: Command) => {
      const { tag, last = Infinity, project } = self.optsWithGlobals<SnapshotsOptions>()
      const views = await cli.withRepository(async ({ repository }) => await listViews(repository))
      const shown = views
        .filter(view => project === undefined || view.project === project)
        .filter(view => tag === undefined || view.block.tags.includes(tag))
        .slice(-last)
      await cli.output.result(shown.map(snapshotDocument), () => {
        if (shown.length === 0) cli.output.line('no snapshots')
        cli.output.table(COLUMNS, shown)
      })
    })
  addExamples(command, [
    ['caf snapshots', 'all of them'],
    ['caf snapshots --tag nightly --last 5', 'the newest five with a tag'],
    ['caf snapshots --json | jq -r ".[-1].id"', 'the newest id, for a script'],
  ])
}
