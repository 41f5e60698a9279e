import { keyEnd, NEWLINE } from '../chunking/copy-text.ts'
import type { CompareKeys, KeySpan } from '../chunking/row-chunker.ts'

/** What is needed to find rows by their key. */
export interface KeyRule {
  readonly compare: CompareKeys
  readonly keyColumns: number
}

/** Whole rows in key order that stand in `bytes[from, to)`. */
export interface RowSpan {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
}

/** Offset of the first row whose key does not precede `key`; `to` when there is none. */
export function findRow ({ bytes, from, to }: RowSpan, key: KeySpan, { compare, keyColumns }: KeyRule): number {
  let low = from, high = to
  while (low < high) {
    const middle = (low + high) >>> 1
    const start = middle === low ? low : Math.max(low, bytes.lastIndexOf(NEWLINE, middle - 1) + 1)
    const end = rowEnd(bytes, start)
    if (compare({ bytes, start, end: keyEnd(bytes, start, end, keyColumns) }, key) < 0) low = end
    else high = start
  }
  return low
}

/** Offset after the row that begins at `start`. */
export function rowEnd (bytes: Uint8Array, start: number): number {
  return bytes.indexOf(NEWLINE, start) + 1
}

/** Offset of the last of whole rows. */
export function lastRow (bytes: Uint8Array): number {
  return bytes.length < 2 ? 0 : bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1
}

export function countRows ({ bytes, from, to }: RowSpan): number {
  let rows = 0
  for (let at = from; at < to; at = rowEnd(bytes, at)) rows++
  return rows
}

/** True if both are written in the same way. */
export function isSameKey (a: KeySpan, b: KeySpan): boolean {
  if (a.end - a.start !== b.end - b.start) return false
  for (let at = a.start, other = b.start; at < a.end; at++, other++) if (a.bytes[at] !== b.bytes[other]) return false
  return true
}
