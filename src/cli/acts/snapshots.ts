import { listViews } from '../../engine/snapshot-view.ts'
import type { SnapshotView } from '../../engine/snapshot-view.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { printableDate } from '../printable.ts'
import { shortId, snapshotDocument, validators } from '../snapshot-text.ts'
import type { Column } from '../text-table.ts'

export interface SnapshotsOptions extends GlobalOptions {
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

export async function list (cli: Cli, { tag, last = Infinity, project }: SnapshotsOptions): Promise<void> {
  const views = await cli.withRepository(async ({ repository }) => await listViews(repository))
  const shown = views
    .filter(view => project === undefined || view.project === project)
    .filter(view => tag === undefined || view.block.tags.includes(tag))
    .slice(-last)
  await cli.output.result(shown.map(snapshotDocument), async () => {
    if (shown.length === 0) cli.output.line('no snapshots')
    await cli.output.table(COLUMNS, shown)
  })
}
