import { keyEnd } from '../chunking/copy-text.ts'
import type { KeySpan } from '../chunking/row-chunker.ts'
import type { RowBatch } from '../chunking/row-splitter.ts'

const NONE: RowBatch = { bytes: new Uint8Array(0), ends: [], values: [] }

/** Goes through the rows of batches one by one; neighbours that are kept come out as one batch. */
export class RowBatches {
  readonly #batches: AsyncIterator<RowBatch, unknown>
  readonly #keyColumns: number
  #batch = NONE
  #index = 0
  /** Offset of the current row. */
  #start = 0
  /** The first of the rows that were kept; those kept lie before the current one. */
  #keptFrom = 0
  #kept: number[] = []
  #key: KeySpan | undefined
  #ended = false

  constructor (batches: AsyncIterable<RowBatch>, keyColumns: number) {
    this.#batches = batches[Symbol.asyncIterator]()
    this.#keyColumns = keyColumns
  }

  /** The key of the current row, where it stands; undefined behind the last row of a batch. */
  get key (): KeySpan | undefined {
    return this.#key
  }

  /** True when no rows come any more. */
  get ended (): boolean {
    return this.#ended
  }

  /** Goes to the next batch, when there is no current row; rows that were kept must have been taken. */
  async load (): Promise<KeySpan | undefined> {
    while (this.#key === undefined && !this.#ended) {
      const { done, value } = await this.#batches.next()
      this.#batch = done === true ? NONE : value
      this.#ended = done === true
      this.#index = this.#start = 0
      this.#find()
    }
    return this.#key
  }

  /** Leaves the current row out; rows that were kept must have been taken. */
  skip (): void {
    this.#start = this.#batch.ends[this.#index++]!
    this.#find()
  }

  /** Keeps the current row for `takeKept`. */
  keep (): void {
    if (this.#kept.length === 0) this.#keptFrom = this.#start
    this.skip()
    this.#kept.push(this.#start - this.#keptFrom)
  }

  /** The rows that were kept since it was last called; valid as long as the batch they are in. */
  takeKept (): RowBatch | undefined {
    if (this.#kept.length === 0) return undefined
    const ends = this.#kept
    this.#kept = []
    return { bytes: this.#batch.bytes.subarray(this.#keptFrom, this.#keptFrom + ends.at(-1)!), ends, values: this.#batch.values }
  }

  async close (): Promise<void> {
    await this.#batches.return?.()
  }

  #find (): void {
    const { bytes, ends } = this.#batch
    const end = ends[this.#index]
    this.#key = end === undefined ? undefined : { bytes, start: this.#start, end: keyEnd(bytes, this.#start, end, this.#keyColumns) }
  }
}
