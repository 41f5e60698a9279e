import { BackupError, isBackupError } from '../errors.ts'
import type { BackupErrorCode } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { isUnreadable } from './blob-fetcher.ts'
import type { Address } from './blob-store.ts'
import { copiesIn } from './copy.ts'
import type { Copy } from './copy.ts'
import {
  CATALOGUE_KEY, CONFIG_KEY, FINAL_SUFFIX, FORGOTTEN_PREFIX, OPENING_PREFIX, OUTCOME_PREFIX, PLAN_PREFIX, RESTORE_PREFIX, SESSION_PREFIX, packKey, segmentKey,
} from './layout.ts'
import type { PackListing } from './pack-format.ts'
import { scanPack } from './pack-scan.ts'
import { ConfigRecord, FinalRecord, ForgottenRecord, PlanRecord, SessionRecord, readRecord } from './records.ts'
import type { Repository } from './repository.ts'
import { storedSize } from './sealed-backend.ts'
import { listSegments, listedPacks, trySegment } from './segments.ts'

/** One thing that is wrong in the storage. */
export interface StorageFinding {
  readonly code: BackupErrorCode
  /** Key of the object that is damaged or missing. */
  readonly key: string
  readonly message: string
  /** The blob that is damaged. */
  readonly address?: Address
  /** Where in the pack it begins. */
  readonly offset?: number
  /** True if another copy of the blob is intact, so that nothing is lost. */
  readonly intactElsewhere?: boolean
  /** True if the object is made of others, so that a repair gives it back. */
  readonly derived?: boolean
}

/** A pack that was read. */
export interface ReadPack {
  readonly name: string
  readonly sizeBytes: number
  /** `damaged`: something in it is lost, or its ends must be made anew; not for copies that stand intact elsewhere. `gone`: a collection gave it up meanwhile. */
  readonly state: 'intact' | 'damaged' | 'gone'
}

export interface ReadPacksOptions extends AbortOptions {
  /** Names of the packs to read. @default all */
  readonly only?: ReadonlySet<string>
  /** Called, and waited for, after each pack. */
  readonly onPack?: (pack: ReadPack) => Promise<void> | void
}

/**
 * Reads and checks all that is stored: every record, every index segment, every byte of every pack that counts.
 * Yields what is wrong; ends without a finding when all is well. What no segment lists is garbage and not looked at.
 * @throws {BackupError} `STORAGE_…` when it cannot go on
 */
export async function * verifyStorage (repository: Repository, options: ReadPacksOptions = {}): AsyncGenerator<StorageFinding> {
  yield * verifyObjects(repository, options)
  await repository.refresh(options)
  yield * verifyPacks(repository, options)
}

/** Reads every record, every index segment, and what else is sealed. */
export async function * verifyObjects (repository: Repository, { signal }: AbortOptions = {}): AsyncGenerator<StorageFinding> {
  const { backend, commits, config } = repository
  yield * found(CONFIG_KEY, async () => await readRecord(backend, CONFIG_KEY, ConfigRecord, { signal }))
  for await (const { key } of backend.list(OUTCOME_PREFIX, { signal })) {
    yield * found(key, async () => await commits.read(key.slice(OUTCOME_PREFIX.length), { signal }))
  }
  const schemas = [[SESSION_PREFIX, SessionRecord], [FORGOTTEN_PREFIX, ForgottenRecord]] as const
  for (const [prefix, schema] of schemas) {
    for await (const { key } of backend.list(prefix, { signal })) yield * found(key, async () => await readRecord(backend, key, schema, { signal }))
  }
  for await (const { key } of backend.list(PLAN_PREFIX, { signal })) {
    yield * found(key, async () => await readRecord(backend, key, key.endsWith(FINAL_SUFFIX) ? FinalRecord : PlanRecord, { signal }))
  }
  for (const name of await listSegments(backend, { signal })) {
    yield * found(segmentKey(name), async () => {
      const packs = await trySegment(backend, name, { signal })
      if (packs instanceof BackupError) throw packs
    }, { derived: true })
  }
  if (config.sealedWith !== undefined) yield * verifySealed(repository, { signal })
}

/** That it is what was sealed there; what it says is for others to check. */
async function * verifySealed ({ backend }: Repository, options: AbortOptions): AsyncGenerator<StorageFinding> {
  yield * found(CATALOGUE_KEY, async () => await backend.get(CATALOGUE_KEY, options), { derived: true })
  for (const prefix of [RESTORE_PREFIX, OPENING_PREFIX]) {
    for await (const { key } of backend.list(prefix, options)) yield * found(key, async () => await backend.get(key, options))
  }
}

/**
 * Reads every byte of the packs, and where only some are read, also the bases and the deltas elsewhere of what turned out to be damaged.
 * The index must be fresh.
 */
export async function * verifyPacks (repository: Repository, { only, onPack, signal }: ReadPacksOptions = {}): AsyncGenerator<StorageFinding> {
  const lost = new Set<Address>()
  for await (const listing of countedPacks(repository, { signal })) {
    if (only?.has(listing.name) === false) continue
    let intact = true
    let copies = 0
    for await (const finding of verifyPack(repository, listing, { signal })) {
      const { address, intactElsewhere = false } = finding
      if (intactElsewhere) copies++
      else if (address !== undefined || copies === 0) intact = false // a damaged copy breaks the file's hash too
      if (address !== undefined && !intactElsewhere) lost.add(address)
      yield finding
    }
    const { name, sizeBytes } = listing
    await onPack?.({ name, sizeBytes, state: !intact ? 'damaged' : repository.index.packs.has(name) ? 'intact' : 'gone' })
  }
  if (only === undefined || lost.size === 0) return
  yield * verifyBases(repository, lost, { only, signal })
  yield * verifyDeltas(repository, lost, { only, signal })
}

interface OnlyOptions extends AbortOptions {
  /** Packs that were read. */
  readonly only: ReadonlySet<string>
}

/** Follows damaged deltas to their bases in packs that were not read, and to the bases of those. */
async function * verifyBases (repository: Repository, lost: Set<Address>, { only, signal }: OnlyOptions): AsyncGenerator<StorageFinding> {
  const basesOf = (address: Address): Address[] => repository.copies(address).flatMap(({ base }) => base === undefined ? [] : [base])
  const seen = new Set<Address>()
  const ahead = [...lost].flatMap(basesOf)
  for (let address = ahead.pop(); address !== undefined; address = ahead.pop()) {
    if (seen.has(address)) continue
    seen.add(address)
    for (const copy of repository.copies(address)) {
      const finding = only.has(copy.pack) ? undefined : await verifyCopy(repository, address, copy, { signal })
      if (finding === undefined) continue
      if (finding.intactElsewhere !== true) lost.add(address)
      ahead.push(...basesOf(address))
      yield finding
    }
  }
}

/** Follows damaged bases to the deltas in packs that were not read, and to the deltas of those. */
async function * verifyDeltas (repository: Repository, lost: Set<Address>, { only, signal }: OnlyOptions): AsyncGenerator<StorageFinding> {
  const seen = new Set<string>()
  const reported = new Set(lost)
  for (let before = -1; before !== seen.size;) {
    before = seen.size
    for await (const listing of countedPacks(repository, { signal })) {
      if (only.has(listing.name)) continue
      for (const [address, copy] of copiesIn(listing)) {
        const place = `${copy.pack} ${copy.offset}`
        if (copy.base === undefined || !lost.has(copy.base) || reported.has(address) || seen.has(place)) continue
        const finding = await verifyCopy(repository, address, copy, { signal })
        if (finding === undefined) continue
        seen.add(place)
        if (finding.intactElsewhere !== true) lost.add(address)
        yield finding
      }
    }
  }
}

async function * countedPacks (repository: Repository, options: AbortOptions): AsyncGenerator<PackListing> {
  for await (const listing of listedPacks(repository.backend, await listSegments(repository.backend, options), options)) {
    if (repository.index.packs.has(listing.name)) yield listing
  }
}

async function * verifyPack (repository: Repository, listing: PackListing, options: AbortOptions): AsyncGenerator<StorageFinding> {
  const key = packKey(listing.name)
  for await (const { error, blob } of scanPack(repository, listing, options)) {
    if (await isCollected(repository, listing.name, options)) return
    const finding = { code: error.code, key, message: error.message }
    if (blob === undefined) yield finding
    else {
      const { address, copy } = blob
      yield { ...finding, address, offset: copy.offset, intactElsewhere: await isIntactElsewhere(repository, address, copy, options) }
    }
  }
}

/** True if a collection has given the pack up since it was listed. */
async function isCollected (repository: Repository, pack: string, options: AbortOptions): Promise<boolean> {
  if (await storedSize(repository.backend, packKey(pack), options) !== undefined) return false
  return (await repository.refresh(options)).deleted.has(pack)
}

async function verifyCopy (repository: Repository, address: Address, copy: Copy, options: AbortOptions): Promise<StorageFinding | undefined> {
  const error = await damageOf(repository, address, copy, options)
  if (error === undefined) return undefined
  const intactElsewhere = await isIntactElsewhere(repository, address, copy, options)
  return { code: error.code, key: packKey(copy.pack), message: error.message, address, offset: copy.offset, intactElsewhere }
}

async function isIntactElsewhere (repository: Repository, address: Address, damaged: Copy, options: AbortOptions): Promise<boolean> {
  for (const copy of repository.copies(address)) {
    if (copy.pack === damaged.pack && copy.offset === damaged.offset) continue
    if (await damageOf(repository, address, copy, options) === undefined) return true
  }
  return false
}

/** What is wrong with this copy, if anything. */
async function damageOf (repository: Repository, address: Address, copy: Copy, options: AbortOptions): Promise<BackupError | undefined> {
  try {
    await repository.fetcher.read(address, copy, wanted => repository.copies(wanted), options)
    return undefined
  } catch (error) {
    if (isUnreadable(error)) return error
    throw error
  }
}

/** The finding that `check` throws, if it throws one of damage. */
async function * found (key: string, check: () => Promise<unknown>, more: Pick<StorageFinding, 'derived'> = {}): AsyncGenerator<StorageFinding> {
  try {
    await check()
  } catch (error) {
    if (!isBackupError(error, 'RECORD_CORRUPT', 'INDEX_CORRUPT', 'SEAL_BROKEN', 'KEY_NEEDED', 'FORMAT_UNKNOWN')) throw error
    yield { code: error.code, key, message: error.message, ...more }
  }
}
