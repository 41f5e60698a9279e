import { BackupError } from '../errors.ts'
import type { CutSizes } from './byte-cutter.ts'
import { ByteCutter } from './byte-cutter.ts'
import { keyEnd } from './copy-text.ts'
import type { RowChunk } from './row-chunk.ts'
import { RowRun } from './row-run.ts'
import type { RowBatch } from './row-splitter.ts'
import { SipHash } from './sip-hash.ts'

/** The cut rule of a table. */
export interface RowCut {
  /** k: a row ends a chunk with probability 2^−bits; 0 to 20. */
  readonly bits: number
  /** 16 bytes. */
  readonly seed: Uint8Array
  /** Runs that weigh more bytes are split. @default 262_144: tables cut before it was recorded */
  readonly largest?: number | undefined
}

/** Bytes of a chunk, on average, of tables that come for the first time. */
const AVERAGE_CHUNK = 131_072
/** Bytes of the longest of them: one run in fifty has more. */
const LARGEST_CHUNK = 4 * AVERAGE_CHUNK
/** What was the longest before it was recorded. */
const LARGEST_UNRECORDED = 262_144

/** The cut rule of a table that comes for the first time. */
export function newCut (averageRowBytes: number, seed: Uint8Array): RowCut {
  return { bits: bitsFor(averageRowBytes), seed, largest: LARGEST_CHUNK }
}

/** Bytes of the longest run that stays whole. A value out of line counts 64. */
export function largestRun ({ largest = LARGEST_UNRECORDED }: RowCut): number {
  return largest
}

/** A key in the row it stands in: `bytes[start, end)`. */
export interface KeySpan {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** Negative when `a` comes before `b`. */
export type CompareKeys = (a: KeySpan, b: KeySpan) => number

export interface RowChunkerOptions extends RowCut {
  readonly keyColumns: number
  /** The key's order; rows must ascend strictly in it. */
  readonly compare: CompareKeys
}

/** A run ends here at the latest, so that one without borders is not held whole. */
export const LONGEST_RUN = 8 * 1024 * 1024

/**
 * Cuts rows in key order into chunks, at borders that depend on the keys alone as long as runs are not oversized.
 * @throws {BackupError} `NODE_INVALID` when the keys do not ascend strictly.
 */
export async function * chunkRows (batches: AsyncIterable<RowBatch>, options: RowChunkerOptions): AsyncGenerator<RowChunk> {
  const rows = new SortedRowCutter(options)
  for await (const batch of batches) yield * rows.add(batch)
  yield * rows.finish()
}

/** Cuts rows without a key as a byte stream, at the first row end after each border. */
export async function * chunkHeapRows (batches: AsyncIterable<RowBatch>, sizes: CutSizes): AsyncGenerator<RowChunk> {
  const rows = new HeapRowCutter(sizes)
  for await (const batch of batches) yield * rows.add(batch)
  yield * rows.finish()
}

// What is done for each row stands in plain methods: V8 does not optimise the loops of a generator that is entered once.

class SortedRowCutter {
  readonly #options: RowChunkerOptions
  readonly #largest: number
  readonly #hash: SipHash
  readonly #run: RowRun
  readonly #last: { -readonly [K in keyof KeySpan]: KeySpan[K] } = { bytes: EMPTY, start: 0, end: -1 }
  readonly #key = { ...this.#last }

  constructor (options: RowChunkerOptions) {
    this.#options = options
    this.#largest = largestRun(options)
    this.#hash = new SipHash(options.seed)
    this.#run = new RowRun(options.keyColumns)
  }

  /** The chunks that end among these rows. */
  add ({ bytes, ends, values }: RowBatch): RowChunk[] {
    const { bits, keyColumns } = this.#options
    const hash = this.#hash, run = this.#run
    const chunks: RowChunk[] = []
    let start = 0, gathered = 0
    for (let row = 0; row < ends.length; row++) {
      const end = ends[row]!
      const endOfKey = keyEnd(bytes, start, end, keyColumns)
      this.#ascend(bytes, start, endOfKey)
      hash.of(bytes, start, endOfKey)
      run.add(end - start, hash, values)
      start = end
      if (!hash.below(bits) && run.weight < LONGEST_RUN) continue
      run.gather(bytes, gathered, end)
      gathered = end
      for (const chunk of run.take(this.#largest)) chunks.push(chunk)
    }
    run.gather(bytes, gathered, start)
    this.#keepLast()
    return chunks
  }

  finish (): RowChunk[] {
    return this.#run.take(this.#largest)
  }

  #ascend (bytes: Uint8Array, start: number, end: number): void {
    const last = this.#last, key = this.#key
    key.bytes = bytes
    key.start = start
    key.end = end
    if (last.end >= 0 && !(this.#options.compare(last, key) < 0)) throw notAscending(last, key)
    last.bytes = bytes
    last.start = start
    last.end = end
  }

  /** The batch goes away. */
  #keepLast (): void {
    const last = this.#last
    last.bytes = new Uint8Array(last.bytes.subarray(last.start, Math.max(last.end, 0)))
    last.end -= last.start
    last.start = 0
  }
}

class HeapRowCutter {
  readonly #cutter: ByteCutter
  readonly #run = new RowRun(0)

  constructor (sizes: CutSizes) {
    this.#cutter = new ByteCutter(sizes)
  }

  /** The chunks that end among these rows. */
  add ({ bytes, ends, values }: RowBatch): RowChunk[] {
    const run = this.#run
    const chunks: RowChunk[] = []
    let start = 0, gathered = 0
    for (let row = 0; row < ends.length; row++) {
      const end = ends[row]!
      run.add(end - start, NO_HASH, values)
      const border = this.#cutter.next(bytes, start, end) // what the row has behind it belongs to no chunk's beginning
      start = end
      if (border < 0) continue
      run.gather(bytes, gathered, end)
      gathered = end
      chunks.push(run.takeWhole())
    }
    run.gather(bytes, gathered, start)
    return chunks
  }

  finish (): RowChunk[] {
    return this.#run.rows > 0 ? [this.#run.takeWhole()] : []
  }
}

/** k for a table's first snapshot: chunks of about 128 KiB. */
export function bitsFor (averageRowBytes: number): number {
  return Math.min(20, Math.max(0, Math.round(Math.log2(AVERAGE_CHUNK / Math.max(averageRowBytes, 1)))))
}

function notAscending (last: KeySpan, key: KeySpan): BackupError {
  const [before, after] = [last, key].map(({ bytes, start, end }) => Buffer.from(bytes.subarray(start, end)).toString('utf8'))
  return new BackupError('NODE_INVALID', `keys do not ascend: after ${JSON.stringify(before)} comes ${JSON.stringify(after)}; the rows came in another order than the key's, or one key twice`, { data: { before, after } })
}

const NO_HASH = { high: 0, low: 0 }
const EMPTY = new Uint8Array(0)
