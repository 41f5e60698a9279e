import type { Encoding } from './blob-list.ts'
import { MAX_DEPTH } from './blob-list.ts'
import type { Address } from './blob-store.ts'
import type { Zstd } from './zstd.ts'

export interface EncodedBlob {
  readonly encoding: Encoding
  readonly stored: Uint8Array
  readonly base?: Address
  readonly depth: number
}

/** A blob both sides can read, at the depth of the copy it would be taken from. */
export interface Base {
  readonly address: Address
  readonly bytes: Uint8Array
  readonly depth: number
}

/** Encodes a blob: with its base as dictionary if that halves it at least, else as a zstd frame, else as it is. */
export async function encodeBlob (zstd: Zstd, bytes: Uint8Array, base?: Base): Promise<EncodedBlob> {
  const frame = await zstd.compress(bytes)
  // Copied, because the caller may use its buffer again while the pack waits to be written.
  const plain: EncodedBlob = frame.length < bytes.length
    ? { encoding: 1, stored: frame, depth: 0 }
    : { encoding: 0, stored: Buffer.from(bytes), depth: 0 }
  if (base === undefined || base.depth >= MAX_DEPTH || base.bytes.length === 0) return plain
  const delta = await zstd.compress(bytes, { dictionary: base.bytes })
  if (delta.length * 2 > plain.stored.length) return plain
  return { encoding: 2, stored: delta, base: base.address, depth: base.depth + 1 }
}
