import type { Bytes } from '../stream.ts'
import { free } from './zstd.ts'

/**
 * Takes a byte stream in pieces of the lengths that the reader wants. The stream's own pieces must be memory that nobody else needs: it is given back when
 * they are spent, for the collector would let a pack's worth of it lie.
 */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array()
  /** What of the piece was not taken yet. */
  #pending = this.#piece

  constructor (bytes: Bytes) {
    this.#iterator = bytes[Symbol.asyncIterator]()
  }

  /** The next `length` bytes, fewer at the stream's end; only until the next ones are taken. */
  async take (length: number): Promise<Uint8Array> {
    if (length <= this.#pending.length) {
      const bytes = this.#pending.subarray(0, length)
      this.#pending = this.#pending.subarray(length)
      return bytes
    }
    const result = Buffer.allocUnsafe(length)
    return result.subarray(0, await this.takeInto(result))
  }

  /** Fills `target` with the next bytes. @returns how many there were */
  async takeInto (target: Uint8Array): Promise<number> {
    let filled = 0
    while (filled < target.length && await this.#fill()) {
      const part = this.#pending.subarray(0, target.length - filled)
      target.set(part, filled)
      filled += part.length
      this.#pending = this.#pending.subarray(part.length)
    }
    return filled
  }

  /** Ends the stream early. */
  async close (): Promise<void> {
    await this.#iterator.return?.()
  }

  async #fill (): Promise<boolean> {
    while (this.#pending.length === 0) {
      const next = await this.#iterator.next()
      if (this.#piece.length === this.#piece.buffer.byteLength) free(this.#piece)
      if (next.done === true) return false
      this.#piece = next.value
      this.#pending = next.value
    }
    return true
  }
}
