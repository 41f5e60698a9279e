import { createHash } from 'node:crypto'
import { ByteBuffer } from '../chunking/byte-buffer.ts'
import type { RowBatch } from '../chunking/row-splitter.ts'
import { digester } from './digest-record.ts'
import type { DigestSorterOptions } from './digest-sorter.ts'
import { DigestSorter } from './digest-sorter.ts'

/** Bytes hashed at once. */
const BLOCK = 65_536

/** Hash of rows whose order does not count, but how often each occurs. Bounded memory. (format.md § Multiset hash) */
export class MultisetHash {
  readonly #digests: DigestSorter

  constructor (options: DigestSorterOptions = {}) {
    this.#digests = new DigestSorter(options)
  }

  /** Hands rows on and adds each: the SHA-256 of its bytes as stored, with the newline. */
  async * passing (batches: AsyncIterable<RowBatch>): AsyncGenerator<RowBatch> {
    const digest = digester()
    for await (const batch of batches) {
      let start = 0
      for (const end of batch.ends) {
        const written = this.#digests.add(digest(batch.bytes.subarray(start, end)))
        if (written !== undefined) await written
        start = end
      }
      yield batch
    }
  }

  /** The hash of all that passed, in hex. Once. */
  async digest (): Promise<string> {
    const result = createHash('sha256')
    const counted = new ByteBuffer(2 * BLOCK)
    const last = Buffer.alloc(32)
    let copies = 0
    const count = (): void => {
      if (copies === 0) return
      counted.append(last)
      const number = counted.extend(8)
      number.writeUInt32BE(Math.floor(copies / 2 ** 32))
      number.writeUInt32BE(copies >>> 0, 4)
    }
    for await (const group of this.#digests.sorted()) {
      for (const { digest } of group) {
        if (copies === 0 || !last.equals(digest)) {
          count()
          last.set(digest)
          copies = 0
        }
        copies++
      }
      if (counted.length > BLOCK) {
        result.update(counted.bytes)
        counted.clear()
      }
    }
    count()
    return result.update(counted.bytes).digest('hex')
  }

  /** Removes temporary files. */
  async [Symbol.asyncDispose] (): Promise<void> {
    await this.#digests[Symbol.asyncDispose]()
  }
}
