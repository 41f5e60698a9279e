import { createHash, hash } from 'node:crypto'
import type { RowBatch } from '../chunking/row-splitter.ts'
import type { DigestSorterOptions } from './digest-sorter.ts'
import { DigestSorter } from './digest-sorter.ts'

/** Hash of rows whose order does not count, but how often each occurs. Bounded memory. (format.md § Multiset hash) */
export class MultisetHash {
  readonly #digests: DigestSorter

  constructor (options: DigestSorterOptions = {}) {
    this.#digests = new DigestSorter(options)
  }

  /** Hands rows on and adds each: the SHA-256 of its bytes as stored, with the newline. */
  async * passing (batches: AsyncIterable<RowBatch>): AsyncGenerator<RowBatch> {
    for await (const batch of batches) {
      let start = 0
      for (const end of batch.ends) {
        await this.#digests.add(hash('sha256', batch.bytes.subarray(start, end), 'buffer'))
        start = end
      }
      yield batch
    }
  }

  /** The hash of all that passed, in hex. Once. */
  async digest (): Promise<string> {
    const result = createHash('sha256')
    const last = Buffer.alloc(32)
    const count = Buffer.alloc(8)
    let copies = 0n
    const finish = (): void => {
      if (copies === 0n) return
      count.writeBigUInt64BE(copies)
      result.update(last).update(count)
    }
    for await (const { digest } of this.#digests.sorted()) {
      if (copies > 0n && last.equals(digest)) copies++
      else {
        finish()
        last.set(digest)
        copies = 1n
      }
    }
    finish()
    return result.digest('hex')
  }

  /** Removes temporary files. */
  async [Symbol.asyncDispose] (): Promise<void> {
    await this.#digests[Symbol.asyncDispose]()
  }
}
