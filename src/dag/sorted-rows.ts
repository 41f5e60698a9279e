import { keyEnd } from '../chunking/copy-text.ts'
import type { KeySpan } from '../chunking/row-chunker.ts'
import type { RowBatch, ValueReference } from '../chunking/row-splitter.ts'
import { BackupError } from '../errors.ts'
import { isSameKey } from './row-search.ts'
import type { KeyRule } from './row-search.ts'

/** Rows in key order, in memory of their own. */
export interface RowGroup {
  readonly bytes: Uint8Array
  /** Offset after each row. */
  readonly ends: readonly number[]
  /** Values out of line; not empty only when it is one long row. */
  readonly values: readonly ValueReference[]
}

const NO_ROWS: RowGroup = { bytes: new Uint8Array(0), ends: [], values: [] }
const NO_BATCH: RowBatch = NO_ROWS

/** Takes rows that come in batches and in key order, up to one key after the other. */
export class SortedRows {
  readonly #batches: AsyncIterator<RowBatch, unknown>
  readonly #rule: KeyRule
  #batch = NO_BATCH
  /** The first row of the batch that was not taken. */
  #index = 0

  constructor (batches: AsyncIterable<RowBatch>, rule: KeyRule) {
    this.#batches = batches[Symbol.asyncIterator]()
    this.#rule = rule
  }

  /** The key of the next row, valid until a row is taken; undefined at the end. */
  async next (): Promise<KeySpan | undefined> {
    while (this.#index === this.#batch.ends.length) {
      const { done, value } = await this.#batches.next()
      if (done === true) return undefined
      this.#batch = value
      this.#index = 0
    }
    return this.#keyAt(this.#index)
  }

  /** The rows before `limit`, as far as they are in the current batch. */
  takeBelow (limit: KeySpan | undefined): RowGroup {
    const from = this.#index
    const to = this.#search(from, limit)
    if (to === from) return NO_ROWS
    const start = this.#startOf(from)
    this.#index = to
    const ends = Array.from({ length: to - from }, (_, index) => this.#batch.ends[from + index]! - start)
    return { bytes: new Uint8Array(this.#batch.bytes.subarray(start, start + ends.at(-1)!)), ends, values: this.#batch.values }
  }

  /**
   * The rows before `limit`, without those that have the key of one of `others`, which lie before it too.
   * @throws {BackupError} `NODE_INVALID` when the key of one is not there
   */
  async takeBelowBut (limit: KeySpan | undefined, others: readonly KeySpan[]): Promise<RowGroup> {
    const pieces: Uint8Array[] = []
    const ends: number[] = []
    let length = 0, left = 0
    const take = (to: number): void => {
      const start = this.#startOf(this.#index)
      for (; this.#index < to; this.#index++) ends.push(length + this.#batch.ends[this.#index]! - start)
      pieces.push(new Uint8Array(this.#batch.bytes.subarray(start, this.#startOf(to))))
      length += pieces.at(-1)!.length
    }
    while (await this.next() !== undefined) {
      const last = this.#search(this.#index, limit)
      for (; left < others.length; left++) {
        const at = this.#search(this.#index, others[left])
        if (at === last) break
        if (!isSameKey(this.#keyAt(at), others[left]!)) throw unfit('of a changed row is not among the keys', others[left]!)
        take(at)
        this.#index++
      }
      take(last)
      if (last < this.#batch.ends.length) break
    }
    if (left < others.length) throw unfit('of a changed row is not among the keys', others[left]!)
    return { bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces), ends, values: [] }
  }

  async close (): Promise<void> {
    await this.#batches.return?.()
  }

  /** The first row of the batch, from `low` on, that is not before `limit`. */
  #search (low: number, limit: KeySpan | undefined): number {
    let high = this.#batch.ends.length
    if (limit === undefined) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#rule.compare(this.#keyAt(middle), limit) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #startOf (index: number): number {
    return index === 0 ? 0 : this.#batch.ends[index - 1]!
  }

  #keyAt (index: number): KeySpan {
    const { bytes, ends } = this.#batch
    const start = this.#startOf(index)
    return { bytes, start, end: keyEnd(bytes, start, ends[index]!, this.#rule.keyColumns) }
  }
}

/** What was told of a table's changes does not go together with its earlier version. */
export function unfit (what: string, { bytes, start, end }: KeySpan): BackupError {
  const key = Buffer.from(bytes.subarray(start, end)).toString('utf8')
  return new BackupError('NODE_INVALID', `the key ${JSON.stringify(key)} ${what}: the changes do not fit the rows there were before`, { data: { key } })
}
