import { diffRows, diffSnapshots } from '../../engine/diff.ts'
import type { NodeChange } from '../../engine/diff.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli } from '../cli.ts'
import { printable } from '../printable.ts'
import { findSnapshot } from '../snapshot-reference.ts'

const MARKS = { added: '+', removed: '-', changed: '~' } as const

export async function showNodes (cli: Cli, before: string, after: string): Promise<void> {
  await cli.withRepository(async opened => {
    const [older, newer] = [await findSnapshot(opened, before), await findSnapshot(opened, after)]
    for await (const change of diffSnapshots(opened.repository, older.id, newer.id, { signal: cli.signal })) {
      if (cli.output.closed) return
      await cli.output.record(change, () => `${MARKS[change.change]} ${printable(change.id)}  ${amountOf(change)}`)
    }
  })
}

function amountOf ({ rows, sizeBefore, sizeAfter }: NodeChange): string {
  const sizes = sizeBefore === sizeAfter ? formatBytes(sizeAfter) : `${formatBytes(sizeBefore)} -> ${formatBytes(sizeAfter)}`
  return rows === undefined ? sizes : `+${rows.added} -${rows.removed} ~${rows.changed}  ${sizes}`
}

export async function showRows (cli: Cli, before: string, after: string, node: string): Promise<void> {
  await cli.withRepository(async opened => {
    const [older, newer] = [await findSnapshot(opened, before), await findSnapshot(opened, after)]
    for await (const { change, key, ...rows } of diffRows(opened.repository, older.id, newer.id, node, { signal: cli.signal })) {
      if (cli.output.closed) return
      const [old, now] = [rowText(rows.before), rowText(rows.after)]
      await cli.output.record({ change, key, before: old, after: now }, () =>
        [old === undefined ? [] : `- ${printable(old)}`, now === undefined ? [] : `+ ${printable(now)}`].flat().join('\n'))
    }
  })
}

/** The row as COPY text without its newline. */
function rowText (row: Uint8Array | undefined): string | undefined {
  return row === undefined ? undefined : Buffer.from(row).toString('utf8').replace(/\n$/, '')
}
