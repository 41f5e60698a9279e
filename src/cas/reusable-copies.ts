import type { Address } from './blob-store.ts'
import type { BlobIndex } from './blob-index.ts'
import type { Copy } from './copy.ts'

/**
 * Which copies a writer may build on: those in packs that were there, whole and outside of every plan when its session
 * opened, and of which the bases are such copies too. (A revoked writer may have listed a delta whose base is long gone.)
 */
export class ReusableCopies {
  readonly #index: BlobIndex
  readonly #packs: Set<string>

  constructor (index: BlobIndex, packs: Iterable<string>) {
    this.#index = index
    this.#packs = new Set(packs)
  }

  /** Adds packs that the writer has made itself. */
  addPacks (names: Iterable<string>): void {
    for (const name of names) this.#packs.add(name)
  }

  /** The shallowest such copy, of a depth less than `below`. */
  find (address: Address, below = Infinity): Copy | undefined {
    return this.#index.find(address).find(copy => copy.depth < below && this.#packs.has(copy.pack) && this.#hasBase(copy))
  }

  #hasBase ({ base, depth }: Copy): boolean {
    return base === undefined || this.find(base, depth) !== undefined
  }
}
