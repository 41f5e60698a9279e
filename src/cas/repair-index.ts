import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Address } from './blob-store.ts'
import { copiesIn } from './copy.ts'
import { PACK_PREFIX, packKey, packNameOf, segmentKey } from './layout.ts'
import type { PackListing } from './pack-format.ts'
import { readListing } from './pack-reader.ts'
import { scanPack } from './pack-scan.ts'
import type { PackDamage } from './pack-scan.ts'
import { PackWriter } from './pack-writer.ts'
import type { Repository } from './repository.ts'
import { segmentRuns } from './segment.ts'
import { listSegments, listedPacks, readSegment, trySegment, writeSegment } from './segments.ts'
import type { StorageFinding } from './verify-storage.ts'

export interface RepairIndexOptions extends AbortOptions {
  /** Only says what it would do. @default false */
  readonly dryRun?: boolean
  /** Called after each pack that was looked through. */
  readonly onPack?: (progress: { readonly packs: number, readonly ofPacks: number }) => void
}

export interface RepairResult {
  /** Packs that no intact segment listed, and now one does. */
  readonly listed: readonly string[]
  /** Packs of which header, footer or trailer was damaged, and is whole again. */
  readonly rewritten: readonly string[]
  /** Damaged segments that were removed, since an earlier run had replaced them. */
  readonly removedSegments: readonly string[]
  /** Packs that nothing lists any more. */
  readonly left: readonly StorageFinding[]
  /** Copies of blobs that are damaged, in packs that are listed: whether that is a loss depends on other copies. */
  readonly damaged: readonly StorageFinding[]
  /** True for the blobs of packs that are `listed` now, or would be. */
  isListed(address: Address): boolean
}

/**
 * Makes anew what is derived: index segments from the packs' footers, a pack's ends from the segment that lists it, and this
 * process's cache. Deletes a damaged segment only if every pack was listed without it when this run began.
 * @throws {BackupError} `INDEX_CORRUPT` if a segment just written cannot be read back; `STORAGE_…`
 */
export async function repairIndex (repository: Repository, options: RepairIndexOptions = {}): Promise<RepairResult> {
  const { dryRun = false } = options
  const plans = await repository.refresh(options)
  const { intact, damaged: damagedSegments } = await sortSegments(repository, options)
  const left: StorageFinding[] = []
  const missing = await unlisted(repository, intact, plans.deleted, left, options)
  const superfluous = missing.length > 0 || left.length > 0 ? [] : damagedSegments
  if (!dryRun) {
    await listPacks(repository, missing, options)
    for (const name of superfluous) await repository.backend.delete(segmentKey(name), options)
  }
  const { rewritten, damaged } = await rewriteEnds(repository, options)
  if (!dryRun) await repository.index.rebuild(await repository.refresh(options), options)
  const listed = new Set(missing.flatMap(pack => pack.blobs.map(blob => blob.address)))
  return { listed: missing.map(pack => pack.name), rewritten, removedSegments: superfluous, left, damaged, isListed: address => listed.has(address) }
}

interface SortedSegments {
  /** Packs that intact segments list. */
  readonly intact: ReadonlySet<string>
  /** Names of damaged segments. */
  readonly damaged: readonly string[]
}

async function sortSegments ({ backend }: Repository, options: AbortOptions): Promise<SortedSegments> {
  const intact = new Set<string>()
  const damaged: string[] = []
  for (const name of await listSegments(backend, options)) {
    const packs = await trySegment(backend, name, options)
    if (packs instanceof BackupError) damaged.push(name)
    else packs?.forEach(pack => intact.add(pack.name))
  }
  return { intact, damaged }
}

/** Listings of the packs that no intact segment lists, from their footers. */
async function unlisted (
  { backend }: Repository, listed: ReadonlySet<string>, deleted: ReadonlySet<string>, left: StorageFinding[], options: AbortOptions
): Promise<PackListing[]> {
  const listings: PackListing[] = []
  for await (const { key } of backend.list(PACK_PREFIX, options)) {
    const name = packNameOf(key)
    if (name === undefined || listed.has(name) || deleted.has(name)) continue
    try {
      const listing = await readListing(backend, name, options)
      if (listing !== undefined) listings.push(listing)
    } catch (error) {
      if (!isBackupError(error, 'PACK_CORRUPT', 'SEAL_BROKEN', 'KEY_NEEDED')) throw error
      left.push({ code: error.code, key, message: `${error.message}, and no index segment lists it` })
    }
  }
  return listings
}

async function listPacks (repository: Repository, packs: readonly PackListing[], options: AbortOptions): Promise<void> {
  const { backend } = repository
  for (const run of segmentRuns(packs)) {
    const name = repository.newName()
    await writeSegment(backend, name, run, options)
    const readBack = await readSegment(backend, name, options)
    const listed = new Set(readBack?.map(pack => pack.name) ?? await listedElsewhere(repository, options))
    if (!run.every(pack => listed.has(pack.name))) {
      throw new BackupError('INDEX_CORRUPT', `index segment ${name} does not list what was just written`, { data: { segment: name } })
    }
  }
}

/** Packs that need no segment of ours: a collector may have found it superfluous at once, and given packs up. */
async function listedElsewhere (repository: Repository, options: AbortOptions): Promise<string[]> {
  const { deleted } = await repository.refresh(options)
  return [...repository.index.packs.keys(), ...deleted]
}

/** Writes packs again of which all blobs are intact but not the file: the result is what it was before the damage. */
async function rewriteEnds (repository: Repository, options: RepairIndexOptions): Promise<{ readonly rewritten: string[], readonly damaged: StorageFinding[] }> {
  const { backend, index } = repository
  const rewritten: string[] = []
  const damaged: StorageFinding[] = []
  let packs = 0
  for await (const listing of listedPacks(backend, await listSegments(backend, options), options)) {
    if (!index.packs.has(listing.name)) continue
    const damage = await Array.fromAsync(scanPack(repository, listing, options))
    const blobs = damage.flatMap(one => blobFinding(listing.name, one))
    damaged.push(...blobs)
    if (blobs.length === 0 && damage.length > 0) {
      if (options.dryRun !== true) await rewrite(repository, listing, options)
      rewritten.push(listing.name)
    }
    options.onPack?.({ packs: ++packs, ofPacks: index.packs.size })
  }
  return { rewritten, damaged }
}

async function rewrite (repository: Repository, listing: PackListing, options: AbortOptions): Promise<void> {
  const { backend, fetcher } = repository
  const writer = new PackWriter(listing.name)
  const blobs = listing.blobs.values()
  for (const [address, copy] of copiesIn(listing)) {
    const stored = await fetcher.readStored(address, copy, options)
    await fetcher.decode(address, copy, stored, wanted => repository.copies(wanted), options)
    writer.append(blobs.next().value!, stored)
  }
  await backend.put(packKey(listing.name), writer.finish().body, options)
}

function blobFinding (pack: string, { error: { code, message }, blob }: PackDamage): StorageFinding[] {
  return blob === undefined ? [] : [{ code, key: packKey(pack), message, address: blob.address, offset: blob.copy.offset }]
}
