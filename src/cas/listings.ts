import type { PackListing } from './pack-format.ts'
import { SEGMENT_BLOBS } from './segment.ts'

/** Listings of packs that are gone through more than once: kept when they are no more than one segment lists, else read anew each time. */
export class Listings {
  readonly #read: () => AsyncIterable<PackListing>
  #kept: readonly PackListing[] | undefined

  constructor (read: () => AsyncIterable<PackListing>) {
    this.#read = read
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<PackListing> {
    if (this.#kept !== undefined) return yield * this.#kept
    const kept: PackListing[] = []
    let blobs = 0
    for await (const listing of this.#read()) {
      blobs += listing.blobs.length
      if (blobs <= SEGMENT_BLOBS) kept.push(listing)
      else kept.length = 0
      yield listing
    }
    if (blobs <= SEGMENT_BLOBS) this.#kept = kept
  }
}
