import type { Address } from './blob-store.ts'
import { copiesIn } from './copy.ts'
import type { Copy } from './copy.ts'
import { loadedSegment, mergeCopies } from './index-store.ts'
import type { IndexStore, LoadedSegment } from './index-store.ts'
import type { PackListing } from './pack-format.ts'

/** An index in memory, for repositories that have no local folder. */
export class MemoryIndex implements IndexStore {
  readonly #segments = new Map<string, LoadedSegment>()
  readonly #copies = new Map<Address, readonly Copy[]>()

  async loaded (): Promise<LoadedSegment[]> {
    return [...this.#segments.values()]
  }

  async add (segment: string, packs: readonly PackListing[]): Promise<void> {
    for (const pack of packs) {
      for (const [address, copy] of copiesIn(pack)) {
        this.#copies.set(address, mergeCopies(this.find(address), [copy]))
      }
    }
    this.#segments.set(segment, loadedSegment(segment, packs))
  }

  async drop (segments: readonly string[]): Promise<void> {
    for (const segment of segments) this.#segments.delete(segment)
  }

  find (address: Address): readonly Copy[] {
    return this.#copies.get(address) ?? []
  }

  async * entries (): AsyncGenerator<readonly [Address, readonly Copy[]]> {
    yield * this.#copies
  }

  async clear (): Promise<void> {
    this.#segments.clear()
    this.#copies.clear()
  }

  async close (): Promise<void> {}
}
