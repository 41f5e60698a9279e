/** Enough for most runs of rows. */
const USUAL_BYTES = 262_144
/** Many tables are small: what comes first may be all. */
const FIRST_BYTES = 16_384
/** Larger memory is not kept. */
const LARGEST_KEPT = 1_048_576
/** So much is kept at most, however many chunks are on their way. */
const MOST_KEPT = 16

/** What was gathered, and how its memory is given back. */
export interface GatheredBytes {
  readonly bytes: Uint8Array
  /** To be called by each of those who share it. */
  readonly release: () => void
}

/** Gathers bytes in memory that is used again when those who got it before have given it back; who never does costs nothing but the memory. */
export class ChunkMemory {
  readonly #spare: Uint8Array[] = []
  #memory: Uint8Array = new Uint8Array(0)
  #length = 0
  #least = FIRST_BYTES

  append (piece: Uint8Array, start: number, end: number): void {
    if (end === start) return
    if (this.#length + end - start > this.#memory.length) this.#grow(this.#length + end - start)
    this.#memory.set(start === 0 && end === piece.length ? piece : piece.subarray(start, end), this.#length)
    this.#length += end - start
  }

  /** What was gathered, for `shares` users; nothing is gathered afterwards. */
  take (shares: number): GatheredBytes {
    const memory = this.#memory
    const bytes = memory.subarray(0, this.#length)
    this.#memory = this.#spare.pop() ?? new Uint8Array(0)
    this.#length = 0
    this.#least = USUAL_BYTES
    let using = shares
    return {
      bytes,
      release: () => {
        if (--using === 0 && memory.length <= LARGEST_KEPT && this.#spare.length < MOST_KEPT) this.#spare.push(memory)
      },
    }
  }

  #grow (needed: number): void {
    // Not a Buffer: their slices are no copies.
    const larger = new Uint8Array(Buffer.allocUnsafeSlow(Math.max(needed, this.#least, this.#memory.length * 2)).buffer)
    larger.set(this.#memory.subarray(0, this.#length))
    this.#memory = larger
  }
}
