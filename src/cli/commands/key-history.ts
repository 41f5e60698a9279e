import type { Command } from 'commander'
import { keyHistory } from '../../trust/keys/key-history.ts'
import type { KeyEvent } from '../../trust/keys/key-history.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
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

export function addKeyHistory (parent: Command, cli: Cli): void {
  const command = parent.command('history').description('Show what was done to the keys, oldest first, as their records tell it.').action(async () => {
    await withKeys(cli, async ({ records }) => {
      const events = keyHistory(records)
      await cli.output.result(events, () => { cli.output.table(COLUMNS, events) })
    })
  })
  addExamples(command, [['caf key history', 'also of slots that are gone']])
}
