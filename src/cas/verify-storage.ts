import { BackupError, isBackupError } from '../errors.ts'
import type { BackupErrorCode } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Address } from './blob-store.ts'
import type { Copy } from './copy.ts'
import { CONFIG_KEY, FINAL_SUFFIX, FORGOTTEN_PREFIX, OUTCOME_PREFIX, PLAN_PREFIX, SESSION_PREFIX, packKey, segmentKey } from './layout.ts'
import type { PackListing } from './pack-format.ts'
import { scanPack } from './pack-scan.ts'
import { ConfigRecord, FinalRecord, ForgottenRecord, OutcomeRecord, PlanRecord, SessionRecord, readRecord } from './records.ts'
import type { Repository } from './repository.ts'
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
}

export interface VerifyStorageOptions extends AbortOptions {
  /** Called after each pack. */
  readonly onPack?: (progress: { readonly packs: number, readonly ofPacks: number, readonly bytes: number }) => void
}

/**
 * Reads and checks all that is stored: every record, every index segment, every byte of every pack that counts.
 * Yields what is wrong; ends without a finding when all is well. What no segment lists is garbage and not looked at.
 * @throws {BackupError} `STORAGE_…` when it cannot go on
 */
export async function * verifyStorage (repository: Repository, { onPack, signal }: VerifyStorageOptions = {}): AsyncGenerator<StorageFinding> {
  yield * verifyRecords(repository, { signal })
  await repository.refresh({ signal })
  yield * verifySegments(repository, { signal })
  let packs = 0
  let bytes = 0
  for await (const listing of countedPacks(repository, { signal })) {
    yield * verifyPack(repository, listing, { signal })
    bytes += listing.sizeBytes
    onPack?.({ packs: ++packs, ofPacks: repository.index.packs.size, bytes })
  }
}

async function * verifyRecords ({ backend }: Repository, options: AbortOptions): AsyncGenerator<StorageFinding> {
  yield * found(CONFIG_KEY, async () => await readRecord(backend, CONFIG_KEY, ConfigRecord, options))
  const schemas = [[SESSION_PREFIX, SessionRecord], [OUTCOME_PREFIX, OutcomeRecord], [FORGOTTEN_PREFIX, ForgottenRecord]] as const
  for (const [prefix, schema] of schemas) {
    for await (const { key } of backend.list(prefix, options)) yield * found(key, async () => await readRecord(backend, key, schema, options))
  }
  for await (const { key } of backend.list(PLAN_PREFIX, options)) {
    yield * found(key, async () => await readRecord(backend, key, key.endsWith(FINAL_SUFFIX) ? FinalRecord : PlanRecord, options))
  }
}

async function * verifySegments ({ backend }: Repository, options: AbortOptions): AsyncGenerator<StorageFinding> {
  for (const name of await listSegments(backend, options)) {
    yield * found(segmentKey(name), async () => {
      const packs = await trySegment(backend, name, options)
      if (packs instanceof BackupError) throw packs
    })
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
  if (await repository.backend.size(packKey(pack), options) !== undefined) return false
  return (await repository.refresh(options)).deleted.has(pack)
}

async function isIntactElsewhere (repository: Repository, address: Address, damaged: Copy, options: AbortOptions): Promise<boolean> {
  for (const copy of repository.copies(address)) {
    if (copy.pack === damaged.pack && copy.offset === damaged.offset) continue
    try {
      await repository.fetcher.read(address, copy, wanted => repository.copies(wanted), options)
      return true
    } catch (error) {
      if (!isBackupError(error, 'BLOB_CORRUPT')) throw error
    }
  }
  return false
}

/** The finding that `check` throws, if it throws one of damage. */
async function * found (key: string, check: () => Promise<unknown>): AsyncGenerator<StorageFinding> {
  try {
    await check()
  } catch (error) {
    if (!isBackupError(error, 'RECORD_CORRUPT', 'INDEX_CORRUPT', 'FORMAT_UNKNOWN')) throw error
    yield { code: error.code, key, message: error.message }
  }
}
