/** Enough for most runs of rows. */
const USUAL_BYTES = 262_144
/** Many tables are small: what comes first may be all. */
const FIRST_BYTES = 16_384
/** Larger memory is not kept. */
const LARGEST_KEPT = 2_097_152
/** So many bytes are kept at most, however many chunks are on their way. */
const MOST_KEPT = 8_388_608

/** What was gathered, and how its memory is given back. */
export interface GatheredBytes {
  readonly bytes: Uint8Array
  /** To be called by each of those who share it. */
  readonly release: () => void
}

/** Gathers bytes in memory that is used again when those who got it before have given it back; who never does costs nothing but the memory. */
export class ChunkMemory {
  readonly #spare: Uint8Array[] = []
  /** Bytes of the spare memory. */
  #kept = 0
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
    this.#memory = this.#spareOf(0) ?? new Uint8Array(0)
    this.#length = 0
    this.#least = USUAL_BYTES
    let using = shares
    return {
      bytes,
      release: () => {
        if (--using === 0) this.#keep(memory)
      },
    }
  }

  #grow (needed: number): void {
    const memory = this.#memory
    // Not a Buffer: their slices are no copies.
    const larger = this.#spareOf(needed) ?? new Uint8Array(Buffer.allocUnsafeSlow(Math.max(needed, this.#least, memory.length * 2)).buffer)
    larger.set(memory.subarray(0, this.#length))
    this.#memory = larger
    this.#keep(memory)
  }

  #spareOf (needed: number): Uint8Array | undefined {
    const index = this.#spare.findLastIndex(({ length }) => length >= needed)
    const memory = index < 0 ? undefined : this.#spare.splice(index, 1)[0]
    this.#kept -= memory?.length ?? 0
    return memory
  }

  #keep (memory: Uint8Array): void {
    if (memory.length < USUAL_BYTES || memory.length > LARGEST_KEPT || this.#kept + memory.length > MOST_KEPT) return
    this.#spare.push(memory)
    this.#kept += memory.length
  }
}
