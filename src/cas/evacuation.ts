import { isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { AddressSet } from './address-set.ts'
import { encodeBlob } from './blob-encoder.ts'
import { isUnreadable } from './blob-fetcher.ts'
import type { PackedBlob } from './blob-list.ts'
import type { Address } from './blob-store.ts'
import { copiesIn } from './copy.ts'
import type { Copy } from './copy.ts'
import type { KnownSegments } from './known-segments.ts'
import type { PackListing } from './pack-format.ts'
import { readListing } from './pack-reader.ts'
import type { Repository } from './repository.ts'

export interface EvacuationOptions extends AbortOptions {
  /** What the snapshots need. */
  readonly marked: Pick<AddressSet, 'has'>
  /** Blobs to leave behind, whatever else is kept. */
  readonly removed: ReadonlySet<Address>
  /** Packs already given up by finals. */
  readonly deleted: ReadonlySet<string>
  /** Planned packs that stay as they are if most of them turns out to be needed. */
  readonly sparable: ReadonlySet<string>
  /** How much of a pack may be garbage for it to be spared, 0 to 1. */
  readonly maxWaste: number
  readonly segments: KnownSegments
}

export interface Evacuation {
  /** Packs of which everything needed stands in other packs now: they may go. */
  readonly empty: readonly string[]
  readonly copiedBytes: number
}

/**
 * Brings what is needed of the planned packs into other packs: what the snapshots are made of, and the bases of all
 * deltas outside (also of unneeded ones, since a writer may yet reuse those). A pack with a needed blob that cannot
 * be read stays. Holds a list of the blobs to copy in memory.
 */
export class Evacuator {
  readonly #repository: Repository
  readonly #options: EvacuationOptions
  readonly #doomed: Set<string>
  /** Depth of what was copied. */
  readonly #copied = new Map<Address, number>()
  #copiedBytes = 0

  constructor (repository: Repository, packs: Iterable<string>, options: EvacuationOptions) {
    this.#repository = repository
    this.#options = options
    this.#doomed = new Set(packs)
  }

  async run (): Promise<Evacuation> {
    const sink = this.#repository.newSink()
    // Each pack that turns out to stay may hold deltas whose bases must then stay too.
    for (let before = -1; before !== this.#doomed.size;) {
      before = this.#doomed.size
      const held = await this.#basesOutside()
      const wanted = await this.#wantedInside(held)
      if (this.#spare(wanted.neededBytes)) continue
      await this.#dropCovered(wanted.copies, held)
      await this.#copyAll(wanted.copies, held, sink)
    }
    await sink.flush()
    return { empty: [...this.#doomed], copiedBytes: this.#copiedBytes }
  }

  #listings (): AsyncIterable<PackListing> {
    return this.#options.segments.livePacks(this.#options.deleted, this.#options)
  }

  /** Bases of all deltas in packs that stay. */
  async #basesOutside (): Promise<AddressSet> {
    const held = new AddressSet()
    for await (const { name, blobs } of this.#listings()) {
      if (this.#doomed.has(name)) continue
      for (const { base } of blobs) if (base !== undefined) held.add(base)
    }
    return held
  }

  /** The shallowest copy of each needed blob inside, with the bases they need added to `held`. */
  async #wantedInside (held: AddressSet): Promise<{ readonly copies: Map<Address, Copy>, readonly neededBytes: Map<string, readonly [number, number]> }> {
    for (;;) {
      const before = held.size
      const copies = new Map<Address, Copy>()
      const neededBytes = new Map<string, readonly [number, number]>()
      for await (const listing of this.#doomedListings()) {
        let needed = 0
        for (const [address, copy] of copiesIn(listing)) {
          if (!this.#isNeeded(address, held)) continue
          needed += copy.stored
          if ((copies.get(address)?.depth ?? Infinity) > copy.depth) copies.set(address, copy)
          if (copy.base !== undefined && !this.#options.removed.has(copy.base)) held.add(copy.base)
        }
        neededBytes.set(listing.name, [needed, listing.blobs.reduce((sum, blob) => sum + blob.stored, 0)])
      }
      if (held.size === before) return { copies, neededBytes }
    }
  }

  #isNeeded (address: Address, held: AddressSet): boolean {
    const { removed, marked } = this.#options
    if (marked.has(address) || held.has(address)) return true
    return removed.size > 0 && !removed.has(address)
  }

  /** Takes packs that are mostly needed out of the plan; true if there were any. */
  #spare (neededBytes: ReadonlyMap<string, readonly [number, number]>): boolean {
    const { sparable, maxWaste } = this.#options
    const before = this.#doomed.size
    for (const [name, [needed, all]] of neededBytes) {
      if (sparable.has(name) && needed > 0 && all - needed <= maxWaste * all) this.#doomed.delete(name)
    }
    return this.#doomed.size < before
  }

  /** Leaves out what has an intact copy outside that serves as well. */
  async #dropCovered (wanted: Map<Address, Copy>, held: AddressSet): Promise<void> {
    for await (const listing of this.#listings()) {
      if (this.#doomed.has(listing.name)) continue
      for (const [address, copy] of copiesIn(listing)) {
        const inside = wanted.get(address)
        if (inside === undefined || (held.has(address) && copy.depth > inside.depth)) continue
        if (await this.#isIntact(address, copy)) wanted.delete(address)
      }
    }
  }

  async #isIntact (address: Address, copy: Copy): Promise<boolean> {
    try {
      await this.#repository.fetcher.read(address, copy, this.#find, this.#options)
      return true
    } catch (error) {
      if (isUnreadable(error)) return false
      throw error
    }
  }

  async #copyAll (wanted: ReadonlyMap<Address, Copy>, held: AddressSet, sink: ReturnType<Repository['newSink']>): Promise<void> {
    for (const [address, copy] of wanted) {
      if ((this.#copied.get(address) ?? Infinity) <= copy.depth) continue
      try {
        const [blob, stored] = await this.#moved(address, copy, held)
        sink.append(blob, stored)
        await sink.room()
        this.#copied.set(address, blob.depth)
        this.#copiedBytes += stored.length
      } catch (error) {
        if (!isUnreadable(error)) throw error
        await this.#keepAll(address)
      }
    }
  }

  /** A copy as it is to stand in the new pack: as it was, unless its base is left behind. */
  async #moved (address: Address, copy: Copy, held: AddressSet): Promise<readonly [PackedBlob, Uint8Array]> {
    const { fetcher, codec } = this.#repository
    const stored = await fetcher.readStored(address, copy, this.#options)
    const { encoding, plain, base, depth } = copy
    if (base === undefined || this.#isNeeded(base, held)) {
      await fetcher.check(address, copy, stored, this.#find, this.#options)
      return [{ address, encoding, stored: stored.length, plain, ...(base === undefined ? {} : { base }), depth }, stored]
    }
    const bytes = await fetcher.decode(address, copy, stored, this.#find, this.#options)
    return await encodeBlob(codec, { address, bytes }, undefined, (blob, whole) => [blob, Buffer.from(whole)] as const)
  }

  /** A needed blob could not be read: every planned pack with a copy of it stays, for a repair to work on. */
  async #keepAll (address: Address): Promise<void> {
    for await (const { name, blobs } of this.#doomedListings()) {
      if (blobs.some(blob => blob.address === address)) this.#doomed.delete(name)
    }
  }

  /** Listings of the planned packs: from the segments, of orphans from their footers. Packs that cannot be listed stay. */
  async * #doomedListings (): AsyncGenerator<PackListing> {
    const unlisted = new Set(this.#doomed)
    for await (const listing of this.#listings()) {
      if (unlisted.delete(listing.name)) yield listing
    }
    for (const name of unlisted) {
      const listing = await this.#readOrphan(name)
      if (listing === undefined) this.#doomed.delete(name)
      else yield listing
    }
  }

  async #readOrphan (name: string): Promise<PackListing | undefined> {
    try {
      return await readListing(this.#repository.backend, name, this.#options)
    } catch (error) {
      if (isBackupError(error, 'PACK_CORRUPT', 'SEAL_BROKEN', 'KEY_NEEDED')) return undefined
      throw error
    }
  }

  readonly #find = (address: Address): readonly Copy[] => this.#repository.copies(address)
}
