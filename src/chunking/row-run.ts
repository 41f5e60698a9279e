import { ByteBuffer } from './byte-buffer.ts'
import { keyEnd } from './copy-text.ts'
import type { RowChunk } from './row-chunk.ts'
import { LARGEST_RUN, weigh } from './row-chunk.ts'
import type { ValueReference } from './row-splitter.ts'

/** Rows between two borders of the key rule, on their way to become one chunk, or several when there are too many bytes. */
export class RowRun {
  readonly #bytes = new ByteBuffer(2 * LARGEST_RUN)
  readonly #keyColumns: number
  #rows: Row[] = []
  #end = 0
  #weight = 0

  constructor (keyColumns: number) {
    this.#keyColumns = keyColumns
  }

  /** Bytes of the rows, a value out of line counting as the format says. */
  get weight (): number {
    return this.#weight
  }

  get rows (): number {
    return this.#rows.length
  }

  /** Adds a row of that length with the hash of its key; its bytes must be gathered before the run is taken. */
  add (length: number, { high, low }: KeyHash, values: readonly ValueReference[]): void {
    const own = values.length === 0 ? NOTHING : weigh(values)
    this.#end += length
    this.#weight += length + own.weight
    this.#rows.push({ end: this.#end, weight: this.#weight, high, low, extra: own.size, values })
  }

  /** Adds the bytes of rows, which is done for many at once. */
  gather (bytes: Uint8Array, start: number, end: number): void {
    this.#bytes.append(bytes, start, end)
  }

  /** The chunks of the run, which is empty afterwards. (format.md § Rows: an oversized run is split after its least hash) */
  take (): RowChunk[] {
    const parts: [number, number][] = [[0, this.#rows.length]]
    const chunks: RowChunk[] = []
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const [from, to] = part
      if (to === from) continue
      if (to - from === 1 || this.#weightOf(from, to) <= LARGEST_RUN) chunks.push(this.#chunk(from, to))
      else {
        const split = this.#leastHash(from, to - 1) + 1
        parts.push([split, to], [from, split])
      }
    }
    this.#clear()
    return chunks
  }

  /** The run as one chunk, whatever its size; it is empty afterwards and must not be so before. */
  takeWhole (): RowChunk {
    const chunk = this.#chunk(0, this.#rows.length)
    this.#clear()
    return chunk
  }

  #clear (): void {
    this.#rows = []
    this.#end = 0
    this.#weight = 0
    this.#bytes.clear()
  }

  #weightOf (from: number, to: number): number {
    return this.#rows[to - 1]!.weight - (from === 0 ? 0 : this.#rows[from - 1]!.weight)
  }

  /** The first of the rows [from, to) with the least hash. */
  #leastHash (from: number, to: number): number {
    let least = from
    for (let at = from + 1; at < to; at++) {
      const row = this.#rows[at]!, best = this.#rows[least]!
      if (row.high < best.high || (row.high === best.high && row.low < best.low)) least = at
    }
    return least
  }

  #chunk (from: number, to: number): RowChunk {
    const start = from === 0 ? 0 : this.#rows[from - 1]!.end
    const bytes = new Uint8Array(this.#bytes.bytes.subarray(start, this.#rows[to - 1]!.end))
    const values = new Set<string>()
    let extra = 0
    for (let at = from; at < to; at++) {
      const row = this.#rows[at]!
      extra += row.extra
      for (const { text } of row.values) values.add(text)
    }
    const key = this.#keyColumns === 0 ? undefined : bytes.slice(0, keyEnd(bytes, 0, bytes.length, this.#keyColumns))
    return { bytes, rows: to - from, sizeBytes: bytes.length + extra, key, values: [...values] }
  }
}

export interface KeyHash {
  readonly high: number
  readonly low: number
}

interface Row extends KeyHash {
  /** Offset after the row. */
  readonly end: number
  /** Weight of the run up to and with this row. */
  readonly weight: number
  /** Bytes that its values out of line add to the plain text. */
  readonly extra: number
  readonly values: readonly ValueReference[]
}

const NOTHING = { weight: 0, size: 0 }
