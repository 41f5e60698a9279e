/*
 * What a server sends while it copies out (protocol 3): messages of type, 1 byte; length, u32 big endian, counts itself and what
 * follows. The rows stand in CopyData messages, in text mode one a message; notices and changed settings may come in between.
 */

const COPY_DATA = 0x64 // d
/** H, N, S, A: the copy's beginning, and what a server may say at any time. Nobody listens to them meanwhile. */
const PASSED_OVER: readonly number[] = [0x48, 0x4e, 0x53, 0x41]
const HEADER_BYTES = 5
const LENGTH_BYTES = 4

/** Takes the payloads out of CopyData messages and puts them one behind the other, without an object for each row. */
export class CopyDataFrames {
  /** Payloads, then what has come of the next message's header. */
  #bytes: Buffer
  #length = 0
  /** Bytes of the payloads that are there to their end. */
  #whole = 0
  #headerLength = 0
  /** Bytes of the current message that are still to come. */
  #left = 0
  #isData = false

  constructor (capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Bytes of payloads gathered. */
  get length (): number {
    return this.#length
  }

  /** The whole payloads, or what has come of the first: valid until the next `push` or `clear`. */
  get bytes (): Buffer {
    return this.#bytes.subarray(0, this.#whole === 0 ? this.#length : this.#whole)
  }

  /** Lets go of `bytes`. */
  clear (): void {
    const { length } = this.bytes
    this.#bytes.copyWithin(0, length, this.#length + this.#headerLength)
    this.#length -= length
    this.#whole = 0
  }

  /** Goes on with `piece`. Returns a copy of what it holds from the first message on that belongs to no copy under way; undefined before that. */
  push (piece: Uint8Array): Buffer | undefined {
    const begun = this.#length + this.#headerLength
    this.#makeRoom(begun + piece.length)
    this.#bytes.set(piece, begun)
    return this.#compact(begun + piece.length)
  }

  /** Moves the payloads that stand up to `end` towards the front, over the headers. */
  #compact (end: number): Buffer | undefined {
    const bytes = this.#bytes
    let at = this.#length, length = at, whole = this.#whole, left = this.#left, isData = this.#isData
    for (;;) {
      const there = Math.min(left, end - at)
      if (isData && there > 0) {
        bytes.copyWithin(length, at, at + there)
        length += there
      }
      at += there
      left -= there
      if (left === 0) whole = length
      if (at === end) break
      const type = bytes[at]!
      isData = type === COPY_DATA
      if (!isData && !PASSED_OVER.includes(type)) break
      if (end - at < HEADER_BYTES) break
      left = Math.max(bytes.readInt32BE(at + 1) - LENGTH_BYTES, 0)
      at += HEADER_BYTES
    }
    this.#left = left
    this.#isData = isData
    this.#length = length
    this.#whole = whole
    return this.#keepHeader(at, end)
  }

  /** What stands between `at` and `end` is the beginning of a header, or belongs to somebody else. */
  #keepHeader (at: number, end: number): Buffer | undefined {
    const bytes = this.#bytes
    const isOver = at < end && !this.#isData && !PASSED_OVER.includes(bytes[at]!)
    this.#headerLength = isOver ? 0 : end - at
    if (isOver) return Buffer.from(bytes.subarray(at, end))
    bytes.copyWithin(this.#length, at, end)
    return undefined
  }

  #makeRoom (needed: number): void {
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length + this.#headerLength)
    this.#bytes = larger
  }
}
