import { AddressSet, prefixOf } from './address-set.ts'
import { MAX_DEPTH } from './blob-list.ts'
import type { Address } from './blob-store.ts'

/** Which blob is stored as a delta of which, for millions of them: 16 bytes each. */
export class DeltaBases {
  readonly #byDepth = Array.from({ length: MAX_DEPTH + 1 }, () => new PairList())

  /** Notes that some copy of `address`, of that depth, needs `base`. */
  note (address: Address, base: Address, depth: number): void {
    this.#byDepth[depth]!.push(prefixOf(address), prefixOf(base))
  }

  /** The bases of everything in `set`, and theirs. */
  below (set: Pick<AddressSet, 'hasPrefix'>): AddressSet {
    const bases = new AddressSet()
    // The deepest first, so that one round does unless a blob has copies of several depths.
    for (let grew = true; grew;) {
      grew = false
      for (const pairs of this.#byDepth.toReversed()) grew = pairs.follow(set, bases) || grew
    }
    return bases
  }
}

class PairList {
  #numbers = new Uint32Array(64)
  #length = 0

  push (from: [number, number], to: [number, number]): void {
    if (this.#length === this.#numbers.length) {
      const larger = new Uint32Array(this.#numbers.length * 2)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers.set([...from, ...to], this.#length)
    this.#length += 4
  }

  /** Adds to `bases` the second of each pair of which the first is in `set` or there; true if that changed it. */
  follow (set: Pick<AddressSet, 'hasPrefix'>, bases: AddressSet): boolean {
    const before = bases.size
    for (let i = 0; i < this.#length; i += 4) {
      const [fromHigh, fromLow, toHigh, toLow] = this.#numbers.subarray(i, i + 4) as unknown as [number, number, number, number]
      if (set.hasPrefix(fromHigh, fromLow) || bases.hasPrefix(fromHigh, fromLow)) bases.addPrefix(toHigh, toLow)
    }
    return bases.size > before
  }
}
