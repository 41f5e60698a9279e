import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { ByteBuffer } from '../chunking/byte-buffer.ts'
import { digestAt, HEADER, recordEnd } from './digest-record.ts'
import { MinHeap } from './min-heap.ts'

const READ_AT_ONCE = 131_072

/** The records of sorted files in one order, in blocks of about `blockBytes` that are valid until the next is asked for. */
export async function * mergeRuns (files: readonly string[], blockBytes: number): AsyncGenerator<Uint8Array> {
  const runs: DigestRun[] = []
  try {
    const heap = new MinHeap<DigestRun>((a, b) => a.compare(b))
    for (const file of files) {
      const run = new DigestRun(await open(file))
      runs.push(run)
      if (await run.next()) heap.push(run)
    }
    const block = new ByteBuffer(2 * blockBytes)
    for (let run = heap.pop(); run !== undefined; run = heap.pop()) {
      run.copyTo(block)
      if (block.length >= blockBytes) {
        yield block.bytes
        block.clear()
      }
      const more = run.next()
      if (more === true || (more !== false && await more)) heap.push(run)
    }
    if (block.length > 0) yield block.bytes
  } finally {
    await Promise.all(runs.map(run => run.close()))
  }
}

/** A sorted file, read record by record. */
class DigestRun {
  readonly #file: FileHandle
  #bytes: Buffer = Buffer.allocUnsafeSlow(READ_AT_ONCE)
  #filled = 0
  #start = 0
  #end = 0
  /** First 48 bits of the current digest: nearly always enough to compare. */
  #beginning = 0

  constructor (file: FileHandle) {
    this.#file = file
  }

  /** Goes to the next record; false at the end. A promise comes only when the file has to be read. */
  next (): boolean | Promise<boolean> {
    this.#start = this.#end
    this.#end = recordEnd(this.#bytes.subarray(0, this.#filled), this.#start)
    return this.#end <= this.#filled ? this.#settle() : this.#read()
  }

  compare (other: DigestRun): number {
    return this.#beginning - other.#beginning || Buffer.compare(digestAt(this.#bytes, this.#start), digestAt(other.#bytes, other.#start))
  }

  copyTo (block: ByteBuffer): void {
    block.append(this.#bytes, this.#start, this.#end)
  }

  async close (): Promise<void> {
    await this.#file.close()
  }

  #settle (): true {
    this.#beginning = this.#bytes.readUIntBE(this.#start + HEADER, 6)
    return true
  }

  /** Keeps the beginning of a record that is not all there and reads on. */
  async #read (): Promise<boolean> {
    this.#bytes.copyWithin(0, this.#start, this.#filled)
    this.#filled -= this.#start
    this.#start = 0
    for (;;) {
      this.#end = recordEnd(this.#bytes.subarray(0, this.#filled), 0)
      if (this.#end <= this.#filled) return this.#settle()
      if (Number.isFinite(this.#end) && this.#end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], this.#end + READ_AT_ONCE)
      const { bytesRead } = await this.#file.read(this.#bytes, this.#filled)
      if (bytesRead === 0 && this.#filled > 0) throw new Error('a temporary file of sorted digests ends within a record')
      if (bytesRead === 0) return false
      this.#filled += bytesRead
    }
  }
}
