import type { Bytes } from '../../stream.ts'

/** Takes a byte stream in amounts of the reader's choice. */
export class PieceReader {
  readonly #source: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)

  constructor (source: Bytes) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next `length` bytes, fewer at the end, undefined after it: for small amounts. */
  async read (length: number): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = []
    for await (const piece of this.pass(length)) pieces.push(Uint8Array.from(piece))
    return pieces.length === 0 ? undefined : pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
  }

  /** Hands on the next `length` bytes as they come. */
  async * pass (length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0;) {
      if (this.#rest.length === 0) {
        const next: IteratorResult<Uint8Array, unknown> = await this.#source.next()
        if (next.done === true) return
        this.#rest = next.value
        continue
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }

  /** Ends the stream below. */
  async close (): Promise<void> {
    await this.#source.return?.()
  }
}
