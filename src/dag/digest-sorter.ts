import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ByteBuffer } from '../chunking/byte-buffer.ts'
import { PieceReader } from '../chunking/piece-reader.ts'
import { MinHeap } from './min-heap.ts'

/** A SHA-256 and what belongs to it. */
export interface DigestRecord {
  readonly digest: Uint8Array
  readonly payload: Uint8Array
}

const DIGEST = 32
const HEADER = 4
/** An index fits into 20 bits, so that it and 32 bits of a digest fit into a float's 53. */
const MOST_RECORDS = 2 ** 20

export interface DigestSorterOptions {
  /** Records held before they go to a temporary file. @default 32 MiB */
  readonly memoryBytes?: number
  /** Files merged at once. @default 64 */
  readonly fanIn?: number
}

/** Sorts any number of records by digest in bounded memory: sorted runs in temporary files, merged when read. */
export class DigestSorter {
  readonly #memoryBytes: number
  readonly #fanIn: number
  readonly #held: ByteBuffer
  #offsets: number[] = []
  #runs: string[] = []
  #folder: string | undefined
  #files = 0

  constructor ({ memoryBytes = 32 * 1024 * 1024, fanIn = 64 }: DigestSorterOptions = {}) {
    this.#memoryBytes = memoryBytes
    this.#fanIn = fanIn
    this.#held = new ByteBuffer(65_536)
  }

  /** Adds a record; a promise only when a file had to be written: wait for it. */
  add (digest: Uint8Array, payload: Uint8Array = NONE): Promise<void> | undefined {
    this.#offsets.push(this.#held.length)
    const header = Buffer.allocUnsafe(HEADER)
    header.writeUInt32LE(payload.length)
    this.#held.append(header)
    this.#held.append(digest)
    this.#held.append(payload)
    return this.#held.length >= this.#memoryBytes || this.#offsets.length >= MOST_RECORDS ? this.#spill() : undefined
  }

  /** All records in ascending order of their digests; each valid until the next is asked for. Once, after the last `add`. */
  async * sorted (): AsyncGenerator<DigestRecord> {
    if (this.#runs.length === 0) {
      for (const record of this.#heldRecords()) yield decode(record)
      return
    }
    if (this.#offsets.length > 0) await this.#spill()
    for await (const record of mergeRuns(this.#runs)) yield decode(record)
  }

  /** Removes the temporary files. Safe to call twice. */
  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  async #spill (): Promise<void> {
    this.#runs.push(await this.#write(Readable.from(batched(this.#heldRecords()))))
    this.#held.clear()
    this.#offsets = []
    if (this.#runs.length < this.#fanIn) return
    const merged = await this.#write(Readable.from(batched(mergeRuns(this.#runs))))
    await Promise.all(this.#runs.map(file => rm(file)))
    this.#runs = [merged]
  }

  async #write (records: Readable): Promise<string> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'caf-sort-'))
    const file = join(this.#folder, String(this.#files++))
    await pipeline(records, createWriteStream(file, { flags: 'wx' }))
    return file
  }

  /** What is held, sorted. Numbers of 32 bits of digest and 20 of index sort natively; equal beginnings are set right afterwards. */
  * #heldRecords (): Generator<Uint8Array> {
    const bytes = this.#held.bytes
    const digestAt = (index: number): Buffer => bytes.subarray(this.#offsets[index]! + HEADER, this.#offsets[index]! + HEADER + DIGEST)
    const order = Float64Array.from(this.#offsets, (offset, index) => bytes.readUInt32BE(offset + HEADER) * MOST_RECORDS + index).sort()
    for (let from = 0, to = 0; from < order.length; from = to) {
      const beginning = Math.floor(order[from]! / MOST_RECORDS)
      while (to < order.length && Math.floor(order[to]! / MOST_RECORDS) === beginning) to++
      const indexes = Array.from(order.subarray(from, to), number => number % MOST_RECORDS)
      if (indexes.length > 1) indexes.sort((a, b) => Buffer.compare(digestAt(a), digestAt(b)))
      for (const index of indexes) yield bytes.subarray(this.#offsets[index], this.#offsets[index + 1] ?? bytes.length)
    }
  }
}

function decode (record: Uint8Array): DigestRecord {
  return { digest: record.subarray(HEADER, HEADER + DIGEST), payload: record.subarray(HEADER + DIGEST) }
}

/** Joins small records into pieces worth a write. */
async function * batched (records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const held = new ByteBuffer(262_144)
  for await (const record of records) {
    held.append(record)
    if (held.length >= 131_072) yield held.take()
  }
  if (held.length > 0) yield held.take()
}

interface Run { readonly reader: AsyncIterator<Uint8Array>, record: Uint8Array }

async function * mergeRuns (files: readonly string[]): AsyncGenerator<Uint8Array> {
  const heap = new MinHeap<Run>((a, b) => Buffer.compare(a.record.subarray(HEADER, HEADER + DIGEST), b.record.subarray(HEADER, HEADER + DIGEST)))
  const readers = files.map(readRun)
  try {
    for (const reader of readers) {
      const first = await reader.next()
      if (first.done !== true) heap.push({ reader, record: first.value })
    }
    for (let run = heap.pop(); run !== undefined; run = heap.pop()) {
      yield run.record
      const next = await run.reader.next()
      if (next.done !== true) heap.push({ reader: run.reader, record: next.value })
    }
  } finally {
    await Promise.all(readers.map(reader => reader.return(undefined)))
  }
}

async function * readRun (file: string): AsyncGenerator<Uint8Array> {
  const reader = new PieceReader(createReadStream(file, { highWaterMark: 131_072 }))
  const record = new ByteBuffer(256)
  try {
    while (await fill(reader, record, HEADER)) {
      const length = record.bytes.readUInt32LE(0)
      if (!await fill(reader, record, HEADER + DIGEST + length)) throw new Error(`${file} ends within a record`)
      yield record.take()
    }
  } finally {
    await reader.close()
  }
}

/** Reads until `record` has `length` bytes; false when the file ends before. */
async function fill (reader: PieceReader, record: ByteBuffer, length: number): Promise<boolean> {
  while (record.length < length) {
    const piece = await reader.peek()
    if (piece === undefined) return false
    const count = Math.min(piece.length, length - record.length)
    record.append(piece, 0, count)
    reader.skip(count)
  }
  return true
}

const NONE = new Uint8Array(0)
