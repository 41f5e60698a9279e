import { ChunkMemory } from './chunk-memory.ts'
import { keyEnd } from './copy-text.ts'
import type { RowChunk } from './row-chunk.ts'
import { weigh } from './row-chunk.ts'
import type { ValueReference } from './row-splitter.ts'

/** Rows between two borders of the key rule, on their way to become one chunk, or several when there are too many bytes. */
export class RowRun {
  readonly #memory = new ChunkMemory()
  readonly #keyColumns: number
  #rows = 0
  /** Of each row: the offset after it, the weight of the run up to and with it, and the hash of its key. */
  #ends = new Int32Array(FIRST_ROWS)
  #weights = new Int32Array(FIRST_ROWS)
  #highs = new Uint32Array(FIRST_ROWS)
  #lows = new Uint32Array(FIRST_ROWS)
  #end = 0
  #weight = 0
  /** The rows that have values out of line. */
  #long: LongRow[] = []

  constructor (keyColumns: number) {
    this.#keyColumns = keyColumns
  }

  /** Bytes of the rows, a value out of line counting as the format says. */
  get weight (): number {
    return this.#weight
  }

  get rows (): number {
    return this.#rows
  }

  /** Adds a row of that length with the hash of its key; its bytes must be gathered before the run is taken. */
  add (length: number, { high, low }: KeyHash, values: readonly ValueReference[]): void {
    const row = this.#rows++
    if (row === this.#ends.length) this.#growTables()
    this.#end += length
    this.#weight += length
    if (values.length > 0) this.#addValues(row, values)
    this.#ends[row] = this.#end
    this.#weights[row] = this.#weight
    this.#highs[row] = high
    this.#lows[row] = low
  }

  /** Adds the bytes of rows, which is done for many at once. */
  gather (bytes: Uint8Array, start: number, end: number): void {
    this.#memory.append(bytes, start, end)
  }

  /** The chunks of the run, which is empty afterwards. (format.md § Rows: a run that weighs more than `largest` is split after its least hash) */
  take (largest: number): RowChunk[] {
    const parts: (readonly [from: number, to: number])[] = []
    const open: (readonly [from: number, to: number])[] = [[0, this.#rows]]
    for (let part = open.pop(); part !== undefined; part = open.pop()) {
      const [from, to] = part
      if (to === from) continue
      if (to - from === 1 || this.#weightOf(from, to) <= largest) parts.push(part)
      else {
        const split = this.#leastHash(from, to - 1) + 1
        open.push([split, to], [from, split])
      }
    }
    return this.#chunks(parts)
  }

  /** The run as one chunk, whatever its size; it is empty afterwards and must not be so before. */
  takeWhole (): RowChunk {
    return this.#chunks([[0, this.#rows]])[0]!
  }

  #addValues (row: number, values: readonly ValueReference[]): void {
    const { weight, size } = weigh(values)
    this.#weight += weight
    this.#long.push({ row, size, values })
  }

  #growTables (): void {
    this.#ends = twice(this.#ends)
    this.#weights = twice(this.#weights)
    this.#highs = twice(this.#highs)
    this.#lows = twice(this.#lows)
  }

  #weightOf (from: number, to: number): number {
    return this.#weights[to - 1]! - (from === 0 ? 0 : this.#weights[from - 1]!)
  }

  /** The first of the rows [from, to) with the least hash. */
  #leastHash (from: number, to: number): number {
    const highs = this.#highs, lows = this.#lows
    let least = from
    for (let at = from + 1; at < to; at++) {
      if (highs[at]! < highs[least]! || (highs[at] === highs[least] && lows[at]! < lows[least]!)) least = at
    }
    return least
  }

  #chunks (parts: readonly (readonly [from: number, to: number])[]): RowChunk[] {
    const { bytes, release } = this.#memory.take(parts.length)
    const chunks = parts.map(([from, to]) => ({ ...this.#chunk(bytes, from, to), release }))
    this.#rows = this.#end = this.#weight = 0
    this.#long = []
    return chunks
  }

  #chunk (run: Uint8Array, from: number, to: number): Omit<RowChunk, 'release'> {
    const bytes = run.subarray(from === 0 ? 0 : this.#ends[from - 1]!, this.#ends[to - 1])
    const long = this.#long.filter(({ row }) => row >= from && row < to)
    const values = new Set(long.flatMap(row => row.values.map(({ text }) => text)))
    const key = this.#keyColumns === 0 ? undefined : bytes.slice(0, keyEnd(bytes, 0, bytes.length, this.#keyColumns))
    return { bytes, rows: to - from, sizeBytes: bytes.length + long.reduce((sum, { size }) => sum + size, 0), key, values: [...values] }
  }
}

export interface KeyHash {
  readonly high: number
  readonly low: number
}

/** A row with values out of line. */
interface LongRow {
  readonly row: number
  /** Bytes that they add to the plain text. */
  readonly size: number
  readonly values: readonly ValueReference[]
}

const FIRST_ROWS = 512

function twice<T extends Int32Array | Uint32Array> (table: T): T {
  const larger = new (table.constructor as new (length: number) => T)(table.length * 2)
  larger.set(table)
  return larger
}
