import type { Bytes } from '../stream.ts'

/** Takes a byte stream in pieces of the lengths that the reader wants. */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #pending: Uint8Array = new Uint8Array()

  constructor (bytes: Bytes) {
    this.#iterator = bytes[Symbol.asyncIterator]()
  }

  /** The next `length` bytes, which may be part of a piece of the stream; fewer at its end. */
  async take (length: number): Promise<Uint8Array> {
    if (length <= this.#pending.length) {
      const bytes = this.#pending.subarray(0, length)
      this.#pending = this.#pending.subarray(length)
      return bytes
    }
    const result = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length && await this.#fill()) {
      const part = this.#pending.subarray(0, length - filled)
      result.set(part, filled)
      filled += part.length
      this.#pending = this.#pending.subarray(part.length)
    }
    return result.subarray(0, filled)
  }

  /** Ends the stream early. */
  async close (): Promise<void> {
    await this.#iterator.return?.()
  }

  async #fill (): Promise<boolean> {
    while (this.#pending.length === 0) {
      const next = await this.#iterator.next()
      if (next.done === true) return false
      this.#pending = next.value
    }
    return true
  }
}
