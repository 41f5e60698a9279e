import { keyEnd, NEWLINE } from '../chunking/copy-text.ts'
import { BackupError } from '../errors.ts'
import type { KeyColumn } from '../sources/source.ts'
import { encodeKey, keyOrder, spanOf } from './key-order.ts'

/** Keys from `from` to `to`, both inclusive: the values of the key's columns, or of the first few of them. */
export interface KeyRange {
  readonly from?: readonly string[] | undefined
  readonly to?: readonly string[] | undefined
}

/** What a range means for keys and rows as they are stored. */
export interface RangeRule {
  /** Negative when the key is before the range, positive when behind it. */
  covers(key: Uint8Array): number
  /** True if rows before this key are out of the range. */
  readonly isBefore: ((key: Uint8Array) => boolean) | undefined
  /** The rows (whole ones, in key order) that are in the range. */
  trim(rows: Uint8Array): Uint8Array
}

/** @throws {BackupError} `INVALID_OPTION` when the key has not that many columns. */
export function keyRange (key: readonly KeyColumn[], { from, to }: KeyRange): RangeRule {
  const beginning = bound(key, from), end = bound(key, to)
  const covers = (candidate: Uint8Array): number => {
    if (beginning !== undefined && beginning(candidate) < 0) return -1
    return end !== undefined && end(candidate) > 0 ? 1 : 0
  }
  return {
    covers,
    // Before a whole key there are only smaller ones; before the beginning of one there may be others that begin so.
    isBefore: beginning === undefined ? undefined : candidate => beginning(candidate) < (from?.length === key.length ? 1 : 0),
    trim: beginning === undefined && end === undefined ? rows => rows : rows => trimRows(rows, key.length, covers),
  }
}

/** Compares a key with a bound, as far as the bound has columns. */
function bound (key: readonly KeyColumn[], values: readonly string[] | undefined): ((candidate: Uint8Array) => number) | undefined {
  if (values === undefined) return undefined
  if (values.length === 0 || values.length > key.length) {
    throw new BackupError('INVALID_OPTION', `a range was given with ${values.length} values, the key has ${key.length} columns`, { data: { values: values.length, columns: key.length } })
  }
  const compare = keyOrder(key.slice(0, values.length))
  const limit = spanOf(encodeKey(values))
  return candidate => compare(spanOf(candidate), limit)
}

function trimRows (rows: Uint8Array, keyColumns: number, covers: (key: Uint8Array) => number): Uint8Array {
  let first = 0
  for (let start = 0; start < rows.length;) {
    const end = rows.indexOf(NEWLINE, start) + 1
    const side = covers(rows.subarray(start, keyEnd(rows, start, end, keyColumns)))
    if (side > 0) return rows.subarray(first, start)
    start = end
    if (side < 0) first = end
  }
  return rows.subarray(first)
}
