import type { Address } from './blob-store.ts'
import type { Copy } from './copy.ts'
import type { PackListing } from './pack-format.ts'

/** What a store remembers of a segment it has taken in. */
export interface LoadedSegment {
  readonly name: string
  readonly packs: ReadonlyArray<{
    readonly name: string
    readonly sizeBytes: number
    readonly objectBytes?: number
    readonly blobs: number
  }>
}

/** This process's searchable form of the index segments. It may be lost at any time; {@link BlobIndex} fills it again. */
export interface IndexStore {
  /** The segments taken in so far. */
  loaded(): Promise<LoadedSegment[]>
  /** Takes a segment in, whole or not at all. */
  add(segment: string, packs: readonly PackListing[]): Promise<void>
  /** Forgets that a segment was taken in; the copies it listed may stay. */
  drop(segments: readonly string[]): Promise<void>
  /** Every copy known of a blob, also in packs that are gone. */
  find(address: Address): readonly Copy[]
  /** Every blob known, once each, with all its copies. */
  entries(): AsyncIterable<readonly [Address, readonly Copy[]]>
  clear(): Promise<void>
  close(): Promise<void>
}

export function loadedSegment (name: string, packs: readonly PackListing[]): LoadedSegment {
  return { name, packs: packs.map(({ blobs, ...pack }) => ({ ...pack, blobs: blobs.length })) }
}

/** `copies` and those of `more` that are in other packs. */
export function mergeCopies (copies: readonly Copy[], more: readonly Copy[]): readonly Copy[] {
  if (copies.length === 0) return more
  const known = (copy: Copy): boolean => copies.some(other => other.pack === copy.pack && other.offset === copy.offset)
  const added = more.filter(copy => !known(copy))
  return added.length === 0 ? copies : [...copies, ...added]
}
