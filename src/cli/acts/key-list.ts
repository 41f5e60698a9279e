import type { Slot } from '../../trust/keys/key-records.ts'
import { isOurs, liveSlots } from '../../trust/keys/slots.ts'
import type { Cli } from '../cli.ts'
import { printableDate } from '../printable.ts'
import { shortId } from '../snapshot-text.ts'
import type { Column } from '../text-table.ts'
import { withKeys } from '../with-keys.ts'

interface ListedSlot extends Pick<Slot, 'id' | 'kind' | 'label' | 'created' | 'recipient'> {
  /** Made by somebody who could open the repository. */
  readonly genuine: boolean
}

const COLUMNS: ReadonlyArray<Column<ListedSlot>> = [
  { title: 'slot', cell: ({ id }) => shortId(id) },
  { title: 'for', cell: ({ kind, recipient }) => recipient ?? kind },
  { title: 'label', cell: ({ label, genuine }) => genuine ? label : `${label} (forged: made without the key)` },
  { title: 'created', cell: ({ created }) => printableDate(created) },
]

export async function listKeys (cli: Cli): Promise<void> {
  await withKeys(cli, async ({ keys, records }) => {
    const slots = liveSlots(records).map(slot => listed(slot, isOurs(slot, keys.newest))).sort((a, b) => a.created < b.created ? -1 : 1)
    const damaged = [...records.damaged.keys()]
    const { generation, recipient } = keys
    await cli.output.result({ generation, recipient, slots, damaged }, async () => {
      await cli.output.table(COLUMNS, slots)
      cli.output.line(`generation ${generation}, recipient ${recipient}`)
      for (const key of damaged) cli.output.line(`damaged: ${key}`)
    })
  })
}

function listed ({ id, kind, label, created, recipient }: Slot, genuine: boolean): ListedSlot {
  return { id, kind, label, created, ...(recipient !== undefined && { recipient }), genuine }
}
