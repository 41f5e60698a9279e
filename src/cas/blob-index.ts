import { BackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Address } from './blob-store.ts'
import type { Copy } from './copy.ts'
import { count } from './count.ts'
import type { IndexStore, LoadedSegment } from './index-store.ts'
import { storedPackBytes } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'
import type { Plans } from './plans.ts'
import { SEGMENT_BLOBS } from './segment.ts'
import { listSegments, trySegment } from './segments.ts'

export interface LivePack {
  /** Length of the object it is stored as. */
  readonly storedBytes: number
  /** Length of the pack itself. */
  readonly sizeBytes: number
  readonly blobs: number
}

export interface BlobIndexOptions {
  /** Segments cannot be read: only what this host has stored itself, and the store remembers, is known. @default false */
  readonly ownOnly?: boolean
}

/**
 * Address → copies, over all packs that exist for readers: those that a segment lists and no final has given up.
 * Keeps a store in step with the repository's segments; the store may hold more than is live, never less.
 */
export class BlobIndex {
  readonly #backend: StorageBackend
  readonly #store: IndexStore
  readonly #ownOnly: boolean
  #live: ReadonlyMap<string, LivePack> = new Map()
  #damaged: readonly BackupError[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor (backend: StorageBackend, store: IndexStore, { ownOnly = false }: BlobIndexOptions = {}) {
    this.#backend = backend
    this.#store = store
    this.#ownOnly = ownOnly
  }

  /** Packs by name, as of the last refresh or {@link take}. */
  get packs (): ReadonlyMap<string, LivePack> {
    return this.#live
  }

  /** Segments that could not be read at the last refresh. */
  get damagedSegments (): readonly BackupError[] {
    return this.#damaged
  }

  /** The blob's copies in live packs, the shallowest first. */
  find (address: Address): Copy[] {
    return this.#store.find(address).filter(copy => this.#live.has(copy.pack)).sort((one, other) => one.depth - other.depth)
  }

  /** Every address with a live copy, once each. */
  async * addresses (): AsyncGenerator<Address> {
    for await (const [address, copies] of this.#store.entries()) {
      if (copies.some(copy => this.#live.has(copy.pack))) yield address
    }
  }

  /** How many blobs have a live copy. */
  async count (): Promise<number> {
    return await count(this.addresses())
  }

  /** Takes in what changed: segments that appeared or vanished, packs that were given up. */
  async refresh (plans: Plans, options?: AbortOptions): Promise<void> {
    await this.#inTurn(async () => { await (this.#ownOnly ? this.#refreshOwn(plans) : this.#refresh(plans, options)) })
  }

  /** Throws the store's content away and fills it from the segments. */
  async rebuild (plans: Plans, options?: AbortOptions): Promise<void> {
    if (this.#ownOnly) return await this.refresh(plans, options)
    await this.#inTurn(async () => {
      await this.#store.clear()
      await this.#refresh(plans, options)
    })
  }

  /** Takes in a segment that this process has just written. */
  async take (segment: string, packs: readonly PackListing[]): Promise<void> {
    await this.#inTurn(async () => {
      await this.#store.add(segment, packs)
      this.#live = new Map([...this.#live, ...packs.map(pack => [pack.name, livePack(pack, pack.blobs.length)] as const)])
    })
  }

  async close (): Promise<void> {
    await this.#inTurn(async () => { await this.#store.close() })
  }

  async #refresh ({ deleted }: Plans, options?: AbortOptions): Promise<void> {
    const names = await listSegments(this.#backend, options)
    const present = new Set(names)
    const before = await this.#store.loaded()
    const vanished = before.filter(segment => !present.has(segment.name))
    const known = new Map(before.filter(segment => present.has(segment.name)).map(segment => [segment.name, segment]))
    if (isMostlyStale(vanished, [...known.values()])) {
      await this.#store.clear()
      known.clear()
    } else if (vanished.length > 0) await this.#store.drop(vanished.map(segment => segment.name))
    await this.#load(names.filter(name => !known.has(name)), options)
    this.#live = livePacks(await this.#store.loaded(), deleted)
  }

  /**
   * A segment of its own may be gone because a collector wrote another in its place; a pack is not until a final names it. So
   * what no final names is there, and listed by somebody.
   */
  async #refreshOwn ({ deleted }: Plans): Promise<void> {
    const segments = await this.#store.loaded()
    const gone = segments.filter(({ packs }) => packs.every(({ name }) => deleted.has(name)))
    if (gone.length > 0) await this.#store.drop(gone.map(({ name }) => name))
    this.#live = livePacks(segments, deleted)
  }

  async #load (names: readonly string[], options?: AbortOptions): Promise<void> {
    const damaged: BackupError[] = []
    for (const name of names) {
      const packs = await trySegment(this.#backend, name, options)
      if (packs instanceof BackupError) damaged.push(packs)
      else if (packs !== undefined) await this.#store.add(name, packs)
    }
    this.#damaged = damaged
  }

  /** One change after the other. */
  async #inTurn (act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act)
    this.#turn = turn.catch(() => {})
    await turn
  }
}

function livePacks (segments: readonly LoadedSegment[], deleted: ReadonlySet<string>): Map<string, LivePack> {
  const live = new Map<string, LivePack>()
  for (const { packs } of segments) {
    for (const pack of packs) if (!deleted.has(pack.name)) live.set(pack.name, livePack(pack, pack.blobs))
  }
  return live
}

function livePack (pack: Pick<PackListing, 'sizeBytes' | 'objectBytes'>, blobs: number): LivePack {
  return { storedBytes: storedPackBytes(pack), sizeBytes: pack.sizeBytes, blobs }
}

/** Copies of vanished segments stay in the store; when they outweigh the others it is better filled anew. */
function isMostlyStale (vanished: readonly LoadedSegment[], kept: readonly LoadedSegment[]): boolean {
  const blobs = (segments: readonly LoadedSegment[]): number =>
    segments.reduce((sum, { packs }) => sum + packs.reduce((count, pack) => count + pack.blobs, 0), 0)
  const stale = blobs(vanished)
  return stale > SEGMENT_BLOBS && stale > blobs(kept)
}
