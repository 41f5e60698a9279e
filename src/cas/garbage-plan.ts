import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { AddressSet } from './address-set.ts'
import type { Address } from './blob-store.ts'
import { DeltaBases } from './delta-bases.ts'
import { KnownSegments } from './known-segments.ts'
import { PACK_PREFIX, packNameOf } from './layout.ts'
import { Marked } from './marked.ts'
import type { PackListing } from './pack-format.ts'
import { PACK_TARGET_BLOBS, PACK_TARGET_BYTES, storedPackBytes } from './pack-format.ts'
import type { Repository, Root } from './repository.ts'

/**
 * Yields every address that `roots` are made of, which are the visible snapshots and those that are being read (see {@link Repository.roots}). What `marked`
 * has it may leave out, and what is below a block that it notes there.
 */
export type Mark = (roots: readonly Root[], marked: Marked) => AsyncIterable<Address>

export interface MarkOptions extends AbortOptions {
  /** What the marks of one collection find, if it is to mark more than once. */
  readonly marked?: Marked
}

export interface GarbageOptions extends MarkOptions {
  readonly mark: Mark
  /** Share of a pack, 0 to 1, that may be garbage before it is repacked. @default 0.3 */
  readonly maxWaste?: number
  /** Removes just these blobs, which no snapshot may need, instead of all garbage. */
  readonly only?: readonly Address[]
}

export interface PlannedPack {
  readonly name: string
  readonly sizeBytes: number
  /** Bytes in it that are needed, and will be copied to another pack. */
  readonly neededBytes: number
  /** `orphan`: no index segment lists it, a writer that died left it. */
  readonly why: 'unneeded' | 'wasteful' | 'small' | 'orphan'
}

export interface GarbagePlan {
  /** Packs that will go; what is needed of them is copied to other packs first. */
  readonly packs: readonly PlannedPack[]
  /** By how many bytes the packs will shrink together. */
  readonly freedBytes: number
  /** How many blobs will be gone. */
  readonly removedBlobs: number
  readonly only: readonly Address[] | undefined
}

export const MAX_WASTE = 0.3
/** A pack below this is worth merging with others. */
const SMALL_BYTES = PACK_TARGET_BYTES / 4
const SMALL_BLOBS = PACK_TARGET_BLOBS / 4
/** So many small packs are left alone, else each collection would copy the last one's. */
const SMALL_PACKS = 8
/** Needed blobs that one collection copies at most, since it keeps a list of them; what is left is for the next one. */
const COPY_LIMIT = 250_000

/** How much of a pack is needed. */
interface PackUse {
  readonly name: string
  readonly sizeBytes: number
  neededBytes: number
  neededBlobs: number
  /** Not needed, or standing in another pack too. */
  wastedBytes: number
  unneededBlobs: number
  /** Holds a blob of `only`, or a delta of one. */
  touched: boolean
}

/**
 * Finds what a collection would do. Changes nothing.
 * @throws {BackupError} `BLOB_IN_USE` for an address of `only` that a snapshot needs; `BLOB_MISSING`, `INDEX_CORRUPT` when the
 * repository is damaged in a way that must be repaired first; `STORAGE_…`
 */
export async function planGarbage (repository: Repository, { mark, marked, maxWaste = MAX_WASTE, only, signal }: GarbageOptions): Promise<GarbagePlan> {
  if (!(maxWaste >= 0 && maxWaste <= 1)) throw new BackupError('INVALID_OPTION', `maxWaste is a share from 0 to 1, not ${maxWaste}`)
  const { deleted } = await repository.refresh({ signal })
  const needed = await markNeeded(repository, mark, { signal, ...(marked && { marked }) })
  const removed = new Set(only)
  refuseNeeded(removed, needed)
  const segments = new KnownSegments(repository.backend)
  const bases = only === undefined ? await basesOf(needed, segments.livePacks(deleted, { signal })) : new AddressSet()
  const stays = only === undefined ? (address: Address) => needed.has(address) || bases.has(address) : (address: Address) => !removed.has(address)
  const uses = await measure(segments.livePacks(deleted, { signal }), stays, removed)
  const chosen = only === undefined ? choose(uses, maxWaste) : uses.filter(use => use.touched).map(use => planned(use, 'wasteful'))
  const orphans = only === undefined ? await findOrphans(repository, deleted, { signal }) : []
  return summary([...chosen, ...orphans], uses, only)
}

/** What is marked. @throws {BackupError} `INDEX_CORRUPT`, `BLOB_MISSING` */
export async function markNeeded (repository: Repository, mark: Mark, { marked = new Marked(), signal }: MarkOptions = {}): Promise<Marked> {
  const [damaged] = repository.index.damagedSegments
  if (damaged !== undefined) throw damaged
  try {
    await markOnce(repository, mark, marked, { signal })
  } catch (error) {
    if (!isBackupError(error, 'BLOB_MISSING')) throw error
    await markOnce(repository, mark, marked, { signal }) // What is missing may have been of a snapshot that was forgotten, and collected elsewhere, since the mark began.
  }
  return marked
}

async function markOnce (repository: Repository, mark: Mark, marked: Marked, { signal }: AbortOptions): Promise<void> {
  const roots = await repository.roots({ signal })
  marked.begin(roots, repository.index.packs)
  for await (const address of mark(roots, marked)) {
    signal?.throwIfAborted()
    if (marked.add(address)) await checkListed(repository, address)
  }
  marked.end(roots, repository.index.packs)
}

/** A collection beside a loss could remove what would repair it. */
async function checkListed (repository: Repository, address: Address): Promise<void> {
  if (repository.hasSync(address)) return
  await repository.refresh() // A snapshot may have come since.
  if (repository.hasSync(address)) return
  await repository.rebuildOnce() // This host's cache may be wrong.
  if (repository.hasSync(address)) return
  const message = `a snapshot needs blob ${address}, which no pack lists; verify and repair before collecting garbage, or forget the snapshot`
  throw new BackupError('BLOB_MISSING', message, { data: { address } })
}

function refuseNeeded (removed: ReadonlySet<Address>, needed: Marked): void {
  for (const address of removed) {
    if (needed.has(address)) throw new BackupError('BLOB_IN_USE', `blob ${address} is part of a snapshot`, { data: { address } })
  }
}

/** What deltas of what is needed are made of, and so on. */
async function basesOf (needed: Marked, listings: AsyncIterable<PackListing>): Promise<AddressSet> {
  const bases = new DeltaBases()
  for await (const { blobs } of listings) {
    for (const { address, base, depth } of blobs) if (base !== undefined) bases.note(address, base, depth)
  }
  return bases.below(needed)
}

async function measure (listings: AsyncIterable<PackListing>, stays: (address: Address) => boolean, removed: ReadonlySet<Address>): Promise<PackUse[]> {
  const uses: PackUse[] = []
  const counted = new AddressSet()
  for await (const { blobs, ...pack } of listings) {
    const use: PackUse = { name: pack.name, sizeBytes: storedPackBytes(pack), neededBytes: 0, neededBlobs: 0, wastedBytes: 0, unneededBlobs: 0, touched: false }
    for (const { address, stored, base } of blobs) {
      use.touched ||= removed.has(address) || (base !== undefined && removed.has(base))
      const isFirst = counted.add(address)
      if (isFirst && stays(address)) {
        use.neededBytes += stored
        use.neededBlobs++
      } else {
        use.wastedBytes += stored
        if (isFirst) use.unneededBlobs++
      }
    }
    uses.push(use)
  }
  return uses
}

function choose (uses: readonly PackUse[], maxWaste: number): PlannedPack[] {
  const unneeded = uses.filter(use => use.neededBlobs === 0)
  const others = uses.filter(use => use.neededBlobs > 0)
  const wasteful = others.filter(use => use.wastedBytes > maxWaste * (use.wastedBytes + use.neededBytes))
  const small = others.filter(use => use.sizeBytes < SMALL_BYTES && use.neededBlobs < SMALL_BLOBS && !wasteful.includes(use))
  return [
    ...unneeded.map(use => planned(use, 'unneeded')),
    ...withinLimit([...wasteful.map(use => [use, 'wasteful'] as const), ...(small.length > SMALL_PACKS ? small : []).map(use => [use, 'small'] as const)]),
  ]
}

function withinLimit (uses: ReadonlyArray<readonly [PackUse, PlannedPack['why']]>): PlannedPack[] {
  let blobs = 0
  const mostWasteful = uses.toSorted(([one], [other]) => one.neededBytes / one.sizeBytes - other.neededBytes / other.sizeBytes)
  return mostWasteful.filter(([use]) => (blobs += use.neededBlobs) <= COPY_LIMIT).map(([use, why]) => planned(use, why))
}

function planned ({ name, sizeBytes, neededBytes }: PackUse, why: PlannedPack['why']): PlannedPack {
  return { name, sizeBytes, neededBytes, why }
}

/** Packs that no segment lists. Those of a writer at work are among them; it is waited for before anything is decided. */
async function findOrphans (repository: Repository, deleted: ReadonlySet<string>, options: AbortOptions): Promise<PlannedPack[]> {
  const orphans: PlannedPack[] = []
  for await (const { key, sizeBytes } of repository.backend.list(PACK_PREFIX, options)) {
    const name = packNameOf(key)
    if (name === undefined || deleted.has(name) || repository.index.packs.has(name)) continue
    orphans.push({ name, sizeBytes, neededBytes: 0, why: 'orphan' })
  }
  return orphans
}

function summary (packs: readonly PlannedPack[], uses: readonly PackUse[], only: readonly Address[] | undefined): GarbagePlan {
  const names = new Set(packs.map(pack => pack.name))
  const freedBytes = packs.reduce((sum, pack) => sum + pack.sizeBytes - pack.neededBytes, 0)
  const removedBlobs = uses.filter(use => names.has(use.name)).reduce((sum, use) => sum + use.unneededBlobs, 0)
  return { packs, freedBytes, removedBlobs, only }
}
