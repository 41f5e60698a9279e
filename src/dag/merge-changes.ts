import type { CompareKeys, KeySpan } from '../chunking/row-chunker.ts'
import type { RowBatch } from '../chunking/row-splitter.ts'
import { BackupError } from '../errors.ts'
import { RowBatches } from './row-batches.ts'

export interface ChangedRows {
  /** The keys of all rows there are now, as rows of these columns alone. */
  readonly keys: AsyncIterable<RowBatch>
  /** Rows that are new or may differ. */
  readonly changed: AsyncIterable<RowBatch>
  /** The rows of the earlier version. */
  readonly before: AsyncIterable<RowBatch>
}

export interface MergeOptions {
  readonly compare: CompareKeys
  readonly keyColumns: number
}

/**
 * The rows there are now: for each key the changed row, or else the one of the earlier version. All three ascend in key order.
 * @throws {BackupError} `NODE_INVALID` when they do not fit: a key without a row, a changed row without a key, one key written in two ways
 */
export async function * mergeChanges (sources: ChangedRows, { compare, keyColumns }: MergeOptions): AsyncGenerator<RowBatch> {
  const [keys, changed, before] = [sources.keys, sources.changed, sources.before].map(batches => new RowBatches(batches, keyColumns)) as [RowBatches, RowBatches, RowBatches]
  try {
    for (let key = await keys.load(); key !== undefined; key = keys.key ?? await keys.load()) {
      const fresh = changed.key ?? (changed.ended ? undefined : await changed.load())
      const isFresh = fresh !== undefined && isAt(fresh, key, compare)
      // What comes before the key, and what stands at it when there is another row now, is left out.
      while (!before.ended) {
        const old = before.key
        const order = old === undefined ? -1 : compareKeys(old, key, compare)
        if (order > 0 || (order === 0 && !isFresh)) break
        yield * taken(before)
        if (old === undefined) await before.load()
        else before.skip()
      }
      if (isFresh) {
        yield * taken(before)
        changed.keep()
        yield * taken(changed)
      } else {
        if (before.key === undefined || !isEqual(before.key, key)) throw unfit('has no row', key)
        before.keep()
      }
      keys.skip()
    }
    yield * taken(before)
    const left = changed.key ?? await changed.load()
    if (left !== undefined) throw unfit('of a changed row is not among the keys', left)
  } finally {
    await Promise.all([keys.close(), changed.close(), before.close()])
  }
}

function * taken (rows: RowBatches): Generator<RowBatch> {
  const batch = rows.takeKept()
  if (batch !== undefined) yield batch
}

/** True if the changed row stands at the key; false when it comes later. */
function isAt (changed: KeySpan, key: KeySpan, compare: CompareKeys): boolean {
  const order = compareKeys(changed, key, compare)
  if (order < 0 || (order === 0 && !isEqual(changed, key))) throw unfit('of a changed row is not among the keys', changed)
  return order === 0
}

/** Most keys that are compared are the same. */
function compareKeys (a: KeySpan, b: KeySpan, compare: CompareKeys): number {
  return isEqual(a, b) ? 0 : compare(a, b)
}

function isEqual (a: KeySpan, b: KeySpan): boolean {
  if (a.end - a.start !== b.end - b.start) return false
  for (let at = a.start, other = b.start; at < a.end; at++, other++) if (a.bytes[at] !== b.bytes[other]) return false
  return true
}

function unfit (what: string, { bytes, start, end }: KeySpan): BackupError {
  const key = Buffer.from(bytes.subarray(start, end)).toString('utf8')
  return new BackupError('NODE_INVALID', `the key ${JSON.stringify(key)} ${what}: the changes do not fit the rows there were before`, { data: { key } })
}
