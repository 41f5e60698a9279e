import { MAX_DEPTH } from './blob-list.ts'
import type { PackedBlob } from './blob-list.ts'
import type { Address } from './blob-store.ts'
import type { Codec } from './codec.ts'

export interface PlainBlob {
  readonly address: Address
  readonly bytes: Uint8Array
}

/** A blob both sides can read, at the depth of the copy it would be taken from. */
export interface Base extends PlainBlob {
  readonly depth: number
}

/**
 * Encodes a blob: with its base as dictionary if that halves it at least, else as a zstd frame, else as it is.
 * @param take gets what is to stand in a pack; `stored` only until it returns: that memory is used again
 */
export async function encodeBlob<T> (codec: Codec, { address, bytes }: PlainBlob, base: Base | undefined, take: (blob: PackedBlob, stored: Uint8Array) => T): Promise<T> {
  const usable = base === undefined || base.depth >= MAX_DEPTH || base.bytes.length === 0 ? undefined : base
  return await codec.encode(bytes, usable?.bytes, ({ encoding, stored }) => {
    const blob = { address, encoding, stored: stored.length, plain: bytes.length, depth: 0 }
    return take(encoding === 2 && usable !== undefined ? { ...blob, base: usable.address, depth: usable.depth + 1 } : blob, stored)
  })
}
