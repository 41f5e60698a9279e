import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ByteBuffer } from '../chunking/byte-buffer.ts'
import type { DigestRecord } from './digest-record.ts'
import { digestAt, encodeRecord, HEADER, recordEnd, recordsIn } from './digest-record.ts'
import { mergeRuns } from './digest-run.ts'

/** An index fits into 20 bits, so that it and 32 bits of a digest fit into the 53 of a number. */
const MOST_RECORDS = 2 ** 20
/** Bytes written and handed on at once. */
const BLOCK = 131_072

export interface DigestSorterOptions {
  /**
   * Bytes of records held before they go to a temporary file.
   * @default 33554432
   */
  readonly memoryBytes?: number
  /**
   * Files merged at once.
   * @default 64
   */
  readonly fanIn?: number
}

/** Sorts any number of records by digest in bounded memory: sorted runs in temporary files, merged when read. */
export class DigestSorter {
  readonly #memoryBytes: number
  readonly #fanIn: number
  readonly #held = new ByteBuffer(65_536)
  #offsets: number[] = []
  #runs: string[] = []
  #folder: string | undefined
  #files = 0

  constructor ({ memoryBytes = 32 * 1024 * 1024, fanIn = 64 }: DigestSorterOptions = {}) {
    this.#memoryBytes = memoryBytes
    this.#fanIn = fanIn
  }

  /** Adds a record. A promise comes only when a file has to be written: wait for it before the next one. */
  add (digest: Uint8Array, payload: Uint8Array = NONE): Promise<void> | undefined {
    this.#offsets.push(this.#held.length)
    encodeRecord(this.#held, digest, payload)
    return this.#held.length >= this.#memoryBytes || this.#offsets.length >= MOST_RECORDS ? this.#spill() : undefined
  }

  /** All records in ascending order of their digests, in groups valid until the next is asked for. Once, after the last `add`. */
  async * sorted (): AsyncGenerator<Iterable<DigestRecord>> {
    if (this.#runs.length > 0 && this.#offsets.length > 0) await this.#spill()
    const blocks = this.#runs.length > 0 ? mergeRuns(this.#runs, BLOCK) : this.#heldBlocks()
    for await (const block of blocks) yield recordsIn(block)
  }

  /** Removes the temporary files. Safe to call twice. */
  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  async #spill (): Promise<void> {
    this.#runs.push(await this.#write(this.#heldBlocks()))
    this.#held.clear()
    this.#offsets = []
    if (this.#runs.length < this.#fanIn) return
    const merged = await this.#write(mergeRuns(this.#runs, BLOCK))
    await Promise.all(this.#runs.map(file => rm(file)))
    this.#runs = [merged]
  }

  async #write (blocks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'caf-sort-'))
    const file = join(this.#folder, String(this.#files++))
    await using handle = await open(file, 'wx')
    for await (const block of blocks) await handle.writeFile(block)
    return file
  }

  * #heldBlocks (): Generator<Uint8Array> {
    const bytes = this.#held.bytes
    const block = new ByteBuffer(2 * BLOCK)
    for (const index of this.#order(bytes)) {
      block.append(bytes, this.#offsets[index], recordEnd(bytes, this.#offsets[index]!))
      if (block.length < BLOCK) continue
      yield block.bytes
      block.clear()
    }
    if (block.length > 0) yield block.bytes
  }

  /** The held records' indexes in order. Numbers of 32 bits of digest and 20 of index sort natively; equal beginnings are set right afterwards. */
  * #order (bytes: Buffer): Generator<number> {
    const sorted = Float64Array.from(this.#offsets, (offset, index) => bytes.readUInt32BE(offset + HEADER) * MOST_RECORDS + index).sort()
    const beginning = (at: number): number => Math.floor(sorted[at]! / MOST_RECORDS)
    const digestOf = (index: number): Buffer => digestAt(bytes, this.#offsets[index]!)
    for (let from = 0, to = 1; from < sorted.length; from = to++) {
      while (to < sorted.length && beginning(to) === beginning(from)) to++
      if (to === from + 1) yield sorted[from]! % MOST_RECORDS
      else yield * Array.from(sorted.subarray(from, to), number => number % MOST_RECORDS).sort((a, b) => Buffer.compare(digestOf(a), digestOf(b)))
    }
  }
}

const NONE = new Uint8Array(0)
