import { MAX_DEPTH } from './blob-list.ts'
import type { PackedBlob } from './blob-list.ts'
import type { Address, CopiedSpan } from './blob-store.ts'
import type { Codec } from './codec.ts'
import { encodeScript } from './edit-script.ts'
import type { Effort } from './zstd.ts'

export interface PlainBlob {
  readonly address: Address
  readonly bytes: Uint8Array
  /** @default 'less' */
  readonly effort?: Effort | undefined
}

/** A blob both sides can read, at the depth of the copy it would be taken from. */
export interface Base extends PlainBlob {
  readonly depth: number
  /** What the blob took over of it, if that is known. */
  readonly copies?: readonly CopiedSpan[] | undefined
}

/** A script so much smaller than the bytes themselves is taken without a look at anything else. */
const SURELY = 8

/**
 * Encodes a blob: as a script that edits its base if it is known what it took over of it, with its base as dictionary if that halves it at least, else as a
 * zstd frame, else as it is.
 * @param take gets what is to stand in a pack; `stored` only until it returns: that memory is used again
 */
export async function encodeBlob<T> (codec: Codec, { address, bytes, effort }: PlainBlob, base: Base | undefined, take: (blob: PackedBlob, stored: Uint8Array) => T): Promise<T> {
  const usable = base === undefined || base.depth >= MAX_DEPTH || base.bytes.length === 0 ? undefined : base
  const script = usable?.copies && encodeScript(bytes, usable.bytes, usable.copies)
  if (usable !== undefined && script !== undefined && script.length * SURELY <= bytes.length) {
    return take({ address, encoding: 3, stored: script.length, plain: bytes.length, base: usable.address, depth: usable.depth + 1 }, script)
  }
  return await codec.encode(bytes, usable?.bytes, ({ encoding, stored }) => {
    const blob = { address, encoding, stored: stored.length, plain: bytes.length, depth: 0 }
    return take(encoding === 2 && usable !== undefined ? { ...blob, base: usable.address, depth: usable.depth + 1 } : blob, stored)
  }, { effort })
}
