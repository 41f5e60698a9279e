import { createHash } from 'node:crypto'
import type { Bytes } from '../stream.ts'

/** Counts and hashes what passes. */
export class Meter {
  readonly #hash = createHash('sha256')
  #size = 0

  async * through (bytes: Bytes): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      if (piece.length === 0) continue
      this.#size += piece.length
      this.#hash.update(piece)
      // The streams below ask for the next piece while they still hold this one.
      yield Buffer.from(piece)
    }
  }

  /** Size in bytes and SHA-256 in hex of what has passed. */
  result (): { readonly size: number, readonly sha256: string } {
    return { size: this.#size, sha256: this.#hash.digest('hex') }
  }
}
