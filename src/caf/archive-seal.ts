import { createHash, timingSafeEqual } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { BackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'

/** The ZIP comment, and so the last bytes of an archive, is the SHA-256 in hex of every byte before it. */
export const SEAL_LENGTH = 64

/** Puts the seal in the place of the last {@link SEAL_LENGTH} bytes of `zip`. */
export async function * sealBytes (zip: Bytes): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let held: Uint8Array = Buffer.alloc(0)
  for await (const piece of zip) {
    const all = Buffer.concat([held, piece])
    const ready = all.subarray(0, Math.max(0, all.length - SEAL_LENGTH))
    held = all.subarray(ready.length)
    hash.update(ready)
    if (ready.length > 0) yield ready
  }
  yield Buffer.from(hash.digest('hex'))
}

/**
 * Reads the file from end to end and compares its seal, which finds every change of every byte.
 * @throws {BackupError} `ARCHIVE_CORRUPT`
 */
export async function checkSeal (path: string, sizeBytes: number, { signal }: AbortOptions = {}): Promise<void> {
  const hash = createHash('sha256')
  let seal: Uint8Array = Buffer.alloc(0)
  let offset = 0
  for await (const piece of createReadStream(path, { signal, highWaterMark: 1_048_576 }) as AsyncIterable<Buffer>) {
    const body = Math.max(0, Math.min(piece.length, sizeBytes - SEAL_LENGTH - offset))
    hash.update(piece.subarray(0, body))
    if (body < piece.length) seal = Buffer.concat([seal, piece.subarray(body)])
    offset += piece.length
  }
  const computed = Buffer.from(hash.digest('hex'))
  if (seal.length === computed.length && timingSafeEqual(seal, computed)) return
  throw new BackupError('ARCHIVE_CORRUPT', `${path} is damaged: its last ${SEAL_LENGTH} bytes are not the SHA-256 of the bytes before them`, { data: { path } })
}
