import { keyHistory } from '../../trust/keys/key-history.ts'
import type { KeyEvent } from '../../trust/keys/key-history.ts'
import type { Cli } from '../cli.ts'
import { printableDate } from '../printable.ts'
import { shortId } from '../snapshot-text.ts'
import type { Column } from '../text-table.ts'
import { withKeys } from '../with-keys.ts'

const COLUMNS: ReadonlyArray<Column<KeyEvent>> = [
  { title: 'time', cell: ({ time }) => printableDate(time) },
  { title: 'generation', align: 'right', cell: ({ generation }) => String(generation) },
  { title: 'act', cell: ({ act }) => act },
  { title: 'slot', cell: ({ slot = '' }) => shortId(slot) },
  { title: 'label', cell: ({ label = '' }) => label },
]

export async function showKeyHistory (cli: Cli): Promise<void> {
  await withKeys(cli, async ({ records }) => {
    const events = keyHistory(records)
    await cli.output.result(events, async () => { await cli.output.table(COLUMNS, events) })
  })
}
