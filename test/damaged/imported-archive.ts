import { expect } from 'vitest'
import type { Address } from '../../src/cas/blob-store.ts'
import type { ArchiveKey } from '../../src/caf/age-keys.ts'
import { importArchive } from '../../src/caf/archive-import.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { MANIFEST_PATH } from '../../src/caf/manifest-document.ts'
import { ZipReader } from '../../src/caf/zip-reader.ts'
import { collect } from '../../src/stream.ts'
import { MemoryBlobs } from '../caf/memory-blobs.ts'

/** Entries of an archive by their paths, without the manifest. */
export type Entries = Map<string, Buffer>

/** What an import puts; one that is refused may put nothing but `wanted`, what the whole archive holds. */
export async function imported (path: string, key: ArchiveKey, wanted: readonly Address[]): Promise<MemoryBlobs> {
  const blobs = new MemoryBlobs()
  try {
    const archive = await openArchive(path, key)
    try {
      await importArchive({ archive, blobs })
    } finally {
      await archive.close()
    }
    return blobs
  } catch (error) {
    expect(blobs.addresses.filter(address => !wanted.includes(address))).toEqual([])
    throw error
  }
}

export async function entriesOf (path: string): Promise<Entries> {
  const zip = await ZipReader.open(path)
  const entries: Entries = new Map()
  for (const entry of zip.entries) if (entry.path !== MANIFEST_PATH) entries.set(entry.path, Buffer.from(await collect(zip.read(entry.path), { limit: 10_000_000 })))
  await zip.close()
  return entries
}
