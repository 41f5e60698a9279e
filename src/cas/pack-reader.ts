import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { packKey } from './layout.ts'
import { HEAD_BYTES, TRAILER_BYTES, checkHead, decodeFooter, decodeTrailer, packCorrupt } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'
import { sealedLength } from './sealed-backend.ts'

/**
 * What a pack's own footer lists; undefined if there is no such pack. Checks its form, not the hash over the whole.
 * @throws {BackupError} `PACK_CORRUPT`, `SEAL_BROKEN`, `KEY_NEEDED`, `FORMAT_UNKNOWN`, `STORAGE_…`
 */
export async function readListing (backend: StorageBackend, name: string, options?: AbortOptions): Promise<PackListing | undefined> {
  const sizeBytes = await backend.size(packKey(name), options)
  if (sizeBytes === undefined) return undefined
  const read = async (offset: number, length: number): Promise<Buffer> => await readExactly(backend, name, offset, length, options)
  checkHead(name, await read(0, HEAD_BYTES))
  const { footerBytes } = decodeTrailer(name, await read(sizeBytes - TRAILER_BYTES, TRAILER_BYTES))
  const footerStart = sizeBytes - TRAILER_BYTES - footerBytes
  if (footerStart < HEAD_BYTES) throw packCorrupt(name, `its footer of ${footerBytes} bytes does not fit into it`)
  const blobs = decodeFooter(name, await read(footerStart, footerBytes), footerStart - HEAD_BYTES)
  return { name, sizeBytes, ...await sealedLength(backend, packKey(name), options), blobs }
}

async function readExactly (backend: StorageBackend, name: string, offset: number, length: number, options?: AbortOptions): Promise<Buffer> {
  if (offset < 0) throw packCorrupt(name, 'it is too short to be a pack')
  const bytes = await backend.get(packKey(name), { ...options, offset, length })
  if (bytes?.length !== length) throw packCorrupt(name, `it ends before byte ${offset + length}`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
