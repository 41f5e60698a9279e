import { BackupError, isBackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { SEGMENT_PREFIX, segmentKey, segmentNameOf } from './layout.ts'
import type { PackListing } from './pack-format.ts'
import { decodeSegment, encodeSegment, segmentCorrupt } from './segment.ts'

/** Names of the segments that are there, ascending. */
export async function listSegments (backend: StorageBackend, options?: AbortOptions): Promise<string[]> {
  const names: string[] = []
  for await (const { key } of backend.list(SEGMENT_PREFIX, options)) {
    const name = segmentNameOf(key)
    if (name !== undefined) names.push(name)
  }
  return names
}

/** What a segment lists; undefined if it is gone. @throws {BackupError} `INDEX_CORRUPT`, `FORMAT_UNKNOWN`, `STORAGE_…` */
export async function readSegment (backend: StorageBackend, name: string, options?: AbortOptions): Promise<PackListing[] | undefined> {
  const bytes = await backend.get(segmentKey(name), options).catch((error: unknown) => {
    throw isBackupError(error, 'SEAL_BROKEN', 'KEY_NEEDED') ? segmentCorrupt(name, error.message, error) : error
  })
  return bytes === undefined ? undefined : decodeSegment(name, bytes)
}

/** As {@link readSegment}, but a damaged segment is returned as its error. */
export async function trySegment (backend: StorageBackend, name: string, options?: AbortOptions): Promise<PackListing[] | BackupError | undefined> {
  try {
    return await readSegment(backend, name, options)
  } catch (error) {
    if (isBackupError(error, 'INDEX_CORRUPT')) return error
    throw error
  }
}

/** Every pack that an intact segment lists, once each; one segment in memory at a time. */
export async function * listedPacks (backend: StorageBackend, segments: readonly string[], options?: AbortOptions): AsyncGenerator<PackListing> {
  const seen = new Set<string>()
  for (const name of segments) {
    const packs = await trySegment(backend, name, options)
    if (packs === undefined || packs instanceof BackupError) continue
    for (const pack of packs) {
      if (seen.has(pack.name)) continue
      seen.add(pack.name)
      yield pack
    }
  }
}

/** Writes a segment; it is durable once this returns. */
export async function writeSegment (backend: StorageBackend, name: string, packs: readonly PackListing[], options?: AbortOptions): Promise<void> {
  await backend.put(segmentKey(name), encodeSegment(packs), options)
}
