import type { Address } from '../cas/blob-store.ts'
import type { CompareKeys } from '../chunking/row-chunker.ts'
import type { CID } from './block.ts'
import { addressOf } from './block.ts'
import { PreviousRows } from './previous-rows.ts'
import type { BlobSource } from './tree-reader.ts'

/** Blocks of an earlier tree of rows, to be the bases of those that come in their places: one row changes a few bytes of the blocks above it. */
export class PreviousBlocks {
  readonly #root: CID
  readonly #open: () => BlocksOfLevel
  readonly #levels: BlocksOfLevel[] = []

  constructor (root: CID, blobs: BlobSource, compare: CompareKeys) {
    this.#root = root
    this.#open = () => new BlocksOfLevel(root, blobs, compare)
  }

  /** The block of that level in whose range `key` falls. Within a level keys must not descend. */
  async baseAt (level: number, key: Uint8Array): Promise<Address | undefined> {
    const blocks = this.#levels[level] ??= this.#open()
    const place = await blocks.above(level, key)
    if (place === undefined || place.height < level) return undefined
    return addressOf(place.height === level ? this.#root : place.entry.link)
  }
}

class BlocksOfLevel extends PreviousRows {
  /** What links to the block, or the first that the block holds where that is the root. */
  async above (level: number, key: Uint8Array): ReturnType<PreviousRows['placeAt']> {
    return await this.placeAt(key, level + 1)
  }
}
