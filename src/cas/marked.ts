import { AddressSet } from './address-set.ts'
import type { Address } from './blob-store.ts'
import type { Root } from './roots.ts'

/**
 * What the snapshots were found to be made of. A later mark of the same collection goes on from it: a snapshot's blobs never change, so what
 * was found below a root is what is found there again, as long as that root is one and every pack in which it was found listed is still there.
 */
export class Marked {
  #addresses = new AddressSet()
  /** By their whole addresses: a wrong "walked before" would lose what is below. Of chunks, which are many, `#addresses` says it. */
  #blocks = new Set<Address>()
  /** Undefined while a mark is at work, and after one that left something out. */
  #found: { readonly roots: readonly string[], readonly packs: readonly string[] } | undefined

  /** Begins a mark, anew unless all that an earlier one found would be found again. */
  begin (roots: readonly Root[], packs: ReadonlyMap<string, unknown>): void {
    const found = this.#found
    this.#found = undefined
    const ids = new Set(roots.map(root => root.id))
    if (found?.roots.every(id => ids.has(id)) === true && found.packs.every(pack => packs.has(pack))) return
    this.#addresses = new AddressSet()
    this.#blocks = new Set()
  }

  /** Ends a mark that found everything. Below a forgotten root it may have passed over what is missing, which somebody may store again. */
  end (roots: readonly Root[], packs: ReadonlyMap<string, unknown>): void {
    if (roots.some(root => root.forgotten)) return
    this.#found = { roots: roots.map(root => root.id), packs: [...packs.keys()] }
  }

  /** As {@link AddressSet.has}: right for what must be kept. */
  has (address: Address): boolean {
    return this.#addresses.has(address)
  }

  hasPrefix (high: number, low: number): boolean {
    return this.#addresses.hasPrefix(high, low)
  }

  /** @returns false if it was there already */
  add (address: Address): boolean {
    return this.#addresses.add(address)
  }

  /** True if what is below a block was walked, or will be. */
  hasBlock (address: Address): boolean {
    return this.#blocks.has(address)
  }

  noteBlock (address: Address): void {
    this.#blocks.add(address)
  }
}
