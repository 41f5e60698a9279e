/** Bytes gathered from passing pieces; grows as needed and keeps its memory for the next round. */
export class ByteBuffer {
  #bytes: Buffer
  #length = 0

  constructor (capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  get length (): number {
    return this.#length
  }

  /** What was gathered: valid until the next `append` or `clear`. */
  get bytes (): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  append (piece: Uint8Array, start = 0, end = piece.length): void {
    this.#makeRoom(end - start)
    this.#bytes.set(start === 0 && end === piece.length ? piece : piece.subarray(start, end), this.#length)
    this.#length += end - start
  }

  /** Adds `length` bytes and returns them to be filled at once. */
  extend (length: number): Buffer {
    this.#makeRoom(length)
    this.#length += length
    return this.#bytes.subarray(this.#length - length, this.#length)
  }

  /** A copy of what was gathered followed by `piece[start, end)`; the buffer is empty afterwards. */
  take (piece: Uint8Array = EMPTY, start = 0, end = piece.length): Uint8Array {
    const taken = Buffer.allocUnsafeSlow(this.#length + end - start)
    this.#bytes.copy(taken, 0, 0, this.#length)
    taken.set(piece.subarray(start, end), this.#length)
    this.#length = 0
    return taken
  }

  clear (): void {
    this.#length = 0
  }

  #makeRoom (length: number): void {
    const needed = this.#length + length
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

const EMPTY = new Uint8Array(0)
