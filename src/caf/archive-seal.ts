import { createHash, timingSafeEqual } from 'node:crypto'
import { giveBack } from '../dag/spent-pieces.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { StoredFile } from './stored-file.ts'

/** How long the seal is. The ZIP comment, and so the last bytes of an archive, is the SHA-256 in hex of every byte before it. */
export const SEAL_LENGTH = 64

/**
 * Reads the file from end to end and compares its seal, which finds every change of every byte.
 * @throws {BackupError} `ARCHIVE_CORRUPT`
 */
export async function checkSeal (file: StoredFile, { signal }: AbortOptions = {}): Promise<void> {
  const { name: path, sizeBytes } = file
  const hash = createHash('sha256')
  let seal: Uint8Array = Buffer.alloc(0)
  let offset = 0
  for await (const piece of giveBack(file.read({ signal }))) {
    const body = Math.max(0, Math.min(piece.length, sizeBytes - SEAL_LENGTH - offset))
    hash.update(piece.subarray(0, body))
    if (body < piece.length) seal = Buffer.concat([seal, piece.subarray(body)])
    offset += piece.length
  }
  const computed = Buffer.from(hash.digest('hex'))
  if (seal.length === computed.length && timingSafeEqual(seal, computed)) return
  throw new BackupError('ARCHIVE_CORRUPT', `${path} is damaged: its last ${SEAL_LENGTH} bytes are not the SHA-256 of the bytes before them`, { data: { path } })
}
