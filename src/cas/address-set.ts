import type { Address } from './blob-store.ts'

const FIRST_SLOTS = 1024

/**
 * A set of addresses for millions of them: 8 bytes each, the first 64 bits of the address. `has` may therefore say true
 * for an address that was never added (once in 10^12 at ten million), never false for one that was: good for what must be kept.
 */
export class AddressSet {
  /** Slots of two numbers; two zeros are an empty one. */
  #slots = new Uint32Array(2 * FIRST_SLOTS)
  #size = 0

  get size (): number {
    return this.#size
  }

  has (address: Address): boolean {
    return this.hasPrefix(...prefixOf(address))
  }

  /** @returns false if it was there already */
  add (address: Address): boolean {
    return this.addPrefix(...prefixOf(address))
  }

  hasPrefix (high: number, low: number): boolean {
    return !this.#isEmpty(this.#slotFor(high, low))
  }

  addPrefix (high: number, low: number): boolean {
    const slot = this.#slotFor(high, low)
    if (!this.#isEmpty(slot)) return false
    this.#slots[slot] = high
    this.#slots[slot + 1] = low
    if (++this.#size * 3 > this.#slots.length) this.#grow() // Two thirds full.
    return true
  }

  #isEmpty (slot: number): boolean {
    return this.#slots[slot] === 0 && this.#slots[slot + 1] === 0
  }

  /** Where the prefix is, or the empty slot where it belongs. */
  #slotFor (high: number, low: number): number {
    const mask = this.#slots.length - 2
    let slot = (high * 2) & mask
    while (!this.#isEmpty(slot) && (this.#slots[slot] !== high || this.#slots[slot + 1] !== low)) slot = (slot + 2) & mask
    return slot
  }

  #grow (): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let i = 0; i < old.length; i += 2) {
      const [high, low] = [old[i]!, old[i + 1]!]
      if (high === 0 && low === 0) continue
      const slot = this.#slotFor(high, low)
      this.#slots[slot] = high
      this.#slots[slot + 1] = low
    }
  }
}

/** The first 64 bits of an address as two numbers, never both zero. */
export function prefixOf (address: Address): [number, number] {
  const high = Number.parseInt(address.slice(0, 8), 16)
  const low = Number.parseInt(address.slice(8, 16), 16)
  return [high, high === 0 && low === 0 ? 1 : low]
}

/** The set of what `addresses` yields. */
export async function addressSetOf (addresses: AsyncIterable<Address>, signal?: AbortSignal): Promise<AddressSet> {
  const set = new AddressSet()
  for await (const address of addresses) {
    signal?.throwIfAborted()
    set.add(address)
  }
  return set
}
