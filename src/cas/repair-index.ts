import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
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

export interface RepairResult {
  /** Packs that no intact segment listed, and now one does. */
  readonly listed: readonly string[]
  /** Packs of which header, footer or trailer was damaged, and is whole again. */
  readonly rewritten: readonly string[]
  /** Damaged segments that were removed, since an earlier run had replaced them. */
  readonly removedSegments: readonly string[]
  /** What could not be repaired. */
  readonly left: readonly StorageFinding[]
}

/**
 * Makes anew what is derived: index segments from the packs' footers, a pack's ends from the segment that lists it, and this
 * process's cache. Deletes a damaged segment only if every pack was listed without it when this run began.
 * @throws {BackupError} `INDEX_CORRUPT` if a segment just written cannot be read back; `STORAGE_…`
 */
export async function repairIndex (repository: Repository, options: AbortOptions = {}): Promise<RepairResult> {
  const plans = await repository.refresh(options)
  const { intact, damaged } = await sortSegments(repository, options)
  const left: StorageFinding[] = []
  const missing = await unlisted(repository, intact, plans.deleted, left, options)
  await listPacks(repository, missing, options)
  const removedSegments = missing.length > 0 || left.length > 0 ? [] : await removeSegments(repository, damaged, options)
  const rewritten = await rewriteEnds(repository, left, options)
  await repository.index.rebuild(await repository.refresh(options), options)
  return { listed: missing.map(pack => pack.name), rewritten, removedSegments, left }
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

async function removeSegments ({ backend }: Repository, names: readonly string[], options: AbortOptions): Promise<readonly string[]> {
  for (const name of names) await backend.delete(segmentKey(name), options)
  return names
}

/** Writes packs again of which all blobs are intact but not the file: the result is what it was before the damage. */
async function rewriteEnds (repository: Repository, left: StorageFinding[], options: AbortOptions): Promise<string[]> {
  const { backend, index } = repository
  const rewritten: string[] = []
  for await (const listing of listedPacks(backend, await listSegments(backend, options), options)) {
    if (!index.packs.has(listing.name)) continue
    const damage = await Array.fromAsync(scanPack(repository, listing, options))
    if (damage.some(({ blob }) => blob !== undefined)) left.push(...damage.map(one => finding(listing.name, one)))
    else if (damage.length > 0) {
      await rewrite(repository, listing, options)
      rewritten.push(listing.name)
    }
  }
  return rewritten
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

function finding (pack: string, { error: { code, message }, blob }: PackDamage): StorageFinding {
  const base = { code, key: packKey(pack), message }
  return blob === undefined ? base : { ...base, address: blob.address, offset: blob.copy.offset }
}
