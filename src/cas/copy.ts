import type { Encoding, PackedBlob } from './blob-list.ts'
import type { Address } from './blob-store.ts'
import { HEAD_BYTES } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'

/** One place where a blob stands. */
export interface Copy {
  /** Name of the pack. */
  readonly pack: string
  readonly offset: number
  readonly stored: number
  readonly plain: number
  readonly encoding: Encoding
  readonly base?: Address
  readonly depth: number
}

/** The copy that a listing's entry at `offset` is. */
export function copyAt (pack: string, offset: number, { encoding, stored, plain, base, depth }: PackedBlob): Copy {
  const copy = { pack, offset, stored, plain, encoding, depth }
  return base === undefined ? copy : { ...copy, base }
}

/** Every copy in a pack, in the order of offsets. */
export function * copiesIn (listing: PackListing): Generator<readonly [Address, Copy]> {
  let offset = HEAD_BYTES
  for (const blob of listing.blobs) {
    yield [blob.address, copyAt(listing.name, offset, blob)]
    offset += blob.stored
  }
}
