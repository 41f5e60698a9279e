import { keyEnd } from '../chunking/copy-text.ts'
import type { KeySpan } from '../chunking/row-chunker.ts'
import { spanOf } from './key-order.ts'
import type { KeyRule } from './row-search.ts'
import { isSameKey } from './row-search.ts'
import type { RowGroup, SortedRows } from './sorted-rows.ts'
import { unfit } from './sorted-rows.ts'
import type { TreeEntry } from './tree.ts'

/** What becomes of a chunk's rows, or of those between the part before and `limit`. */
export interface RowEdit {
  readonly entry: TreeEntry
  /** New and changed rows, with their keys. */
  readonly rows: RowGroup
  readonly keys: readonly KeySpan[]
  /** Keys of the rows that stay as they are, as rows; undefined when it is not known which do. */
  readonly kept: RowGroup | undefined
  /** Where the part ends; the chunk's last part ends before the next chunk. */
  readonly limit: KeySpan | undefined
  readonly isFirst: boolean
  readonly isLast: boolean
}

export interface ChangedRows {
  /** Rows that are new or may differ. */
  readonly changed: SortedRows
  /** The keys of all rows there are now, as rows of these columns alone. */
  readonly keys?: SortedRows | undefined
}

/**
 * Deals out changes to the chunks of an earlier version, one after the other. Many new rows for one chunk come in several parts.
 * @throws {BackupError} `NODE_INVALID` when changed rows do not ascend or are not among the keys
 */
export async function * planEdits (leaves: AsyncIterable<TreeEntry>, { changed, keys }: ChangedRows, rule: KeyRule): AsyncGenerator<RowEdit> {
  let last: KeySpan | undefined
  for await (const [entry, following] of withNext(leaves)) {
    const end = following?.key === undefined ? undefined : spanOf(following.key)
    for (let isFirst = true, isLast = false; !isLast; isFirst = false) {
      await changed.next()
      const rows = changed.takeBelow(end)
      const spans = keysOf(rows, rule)
      last = checkAscending(last, spans, rule)
      const next = await changed.next()
      isLast = next === undefined || (end !== undefined && rule.compare(next, end) >= 0)
      const limit = isLast ? end : ownSpan(next!)
      const kept = await keys?.takeBelowBut(limit, spans)
      yield { entry, rows, keys: spans, kept, limit, isFirst, isLast }
    }
  }
}

/** True if the chunk stays as it is. As many kept keys as it has rows are these: none is there that was not before. */
export function isUntouched ({ entry, rows, kept, isFirst, isLast }: RowEdit): boolean {
  if (rows.ends.length > 0 || !isFirst || !isLast) return false
  return kept === undefined || (kept.ends.length === entry.count && isSameKey(spanOf(kept.bytes.subarray(0, kept.ends[0]! - 1)), spanOf(entry.key!)))
}

function keysOf ({ bytes, ends }: RowGroup, { keyColumns }: KeyRule): KeySpan[] {
  return ends.map((end, index) => {
    const start = index === 0 ? 0 : ends[index - 1]!
    return { bytes, start, end: keyEnd(bytes, start, end, keyColumns) }
  })
}

function checkAscending (last: KeySpan | undefined, keys: readonly KeySpan[], { compare }: KeyRule): KeySpan | undefined {
  for (const key of keys) {
    if (last !== undefined && !(compare(last, key) < 0)) throw unfit('of a changed row does not ascend', key)
    last = key
  }
  return last
}

function ownSpan ({ bytes, start, end }: KeySpan): KeySpan {
  return spanOf(new Uint8Array(bytes.subarray(start, end)))
}

async function * withNext<T> (items: AsyncIterable<T>): AsyncGenerator<[item: T, next: T | undefined]> {
  let held: { readonly item: T } | undefined
  for await (const item of items) {
    if (held !== undefined) yield [held.item, item]
    held = { item }
  }
  if (held !== undefined) yield [held.item, undefined]
}
