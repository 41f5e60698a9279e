/** Numbers of 32 bits in a slot: 128 bits of a digest, too many for anybody to find a second one with the same. */
const WORDS = 4
const FIRST_SLOTS = 1_024

/** A set of SHA-256 digests, 16 bytes of each: a million take about 50 MB. */
export class DigestSet {
  #slots = new Uint32Array(WORDS * FIRST_SLOTS)
  #size = 0

  get size (): number {
    return this.#size
  }

  add (digest: Uint8Array): void {
    const slot = this.#slotFor(digest)
    if (!this.#isEmpty(slot)) return
    for (let word = 0; word < WORDS; word++) this.#slots[slot + word] = wordOf(digest, word)
    if (++this.#size * 3 * WORDS > this.#slots.length * 2) this.#grow() // two thirds full
  }

  has (digest: Uint8Array): boolean {
    return !this.#isEmpty(this.#slotFor(digest))
  }

  #isEmpty (slot: number): boolean {
    for (let word = 0; word < WORDS; word++) if (this.#slots[slot + word] !== 0) return false
    return true
  }

  /** Where the digest is, or the empty slot where it belongs. */
  #slotFor (digest: Uint8Array): number {
    const mask = this.#slots.length - WORDS
    let slot = (wordOf(digest, 0) * WORDS) & mask
    while (!this.#isEmpty(slot) && !this.#holds(slot, digest)) slot = (slot + WORDS) & mask
    return slot
  }

  #holds (slot: number, digest: Uint8Array): boolean {
    for (let word = 0; word < WORDS; word++) if (this.#slots[slot + word] !== wordOf(digest, word)) return false
    return true
  }

  #grow (): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    this.#size = 0
    for (let slot = 0; slot < old.length; slot += WORDS) {
      const words = old.subarray(slot, slot + WORDS)
      if (words.some(word => word !== 0)) this.add(Buffer.concat([...words].map(bytesOfWord)))
    }
  }
}

function wordOf (digest: Uint8Array, word: number): number {
  const at = word * 4
  return ((digest[at]! << 24) | (digest[at + 1]! << 16) | (digest[at + 2]! << 8) | digest[at + 3]!) >>> 0
}

function bytesOfWord (word: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(word)
  return bytes
}
