import type { AbortOptions, Bytes } from '../stream.ts'

/** Reads a byte stream at one's own pace: look at the current piece, take some of it, go on. */
export class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array, unknown>
  readonly #signal: AbortSignal | undefined
  #piece: Uint8Array = EMPTY
  #behind: Uint8Array | undefined

  constructor (source: Bytes, { signal }: AbortOptions = {}) {
    this.#pieces = source[Symbol.asyncIterator]()
    this.#signal = signal
  }

  /** The unread part of the current piece, never empty, valid until the next `peek` after all of it was skipped; undefined at the end. */
  async peek (): Promise<Uint8Array | undefined> {
    while (this.#piece.length === 0) {
      if (this.#behind !== undefined) {
        this.#piece = this.#behind
        this.#behind = undefined
        continue
      }
      this.#signal?.throwIfAborted()
      const { done, value } = await this.#pieces.next()
      if (done === true) return undefined
      this.#piece = value
    }
    return this.#piece
  }

  /** Marks the first `count` bytes of the current piece as read. */
  skip (count: number): void {
    this.#piece = this.#piece.subarray(count)
  }

  /** Puts `bytes` back in front of what is unread; at most once between two pieces. */
  unread (bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (this.#piece.length > 0) this.#behind = this.#piece
    this.#piece = bytes
  }

  /** Ends the source. Safe to call twice. */
  async close (): Promise<void> {
    await this.#pieces.return?.()
  }
}

const EMPTY = new Uint8Array(0)
