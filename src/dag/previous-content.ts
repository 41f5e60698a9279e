import type { Address } from '../cas/blob-store.ts'
import { findReference, parseReference, valueEndAt } from '../chunking/value-reference.ts'
import { keyEnd, NEWLINE, TAB } from '../chunking/copy-text.ts'
import type { ValuePlace } from '../chunking/long-row.ts'
import type { CompareKeys } from '../chunking/row-chunker.ts'
import { isBackupError } from '../errors.ts'
import { addressOf, CID, isChunk, readBlob } from './block.ts'
import { spanOf } from './key-order.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource } from './tree-reader.ts'
import { TreeCursor } from './tree-reader.ts'

/**
 * An earlier version of a content, asked in ascending order for what stood at a place, to be the base of what stands
 * there now. It only saves space: when it is damaged there are no more bases, and the new version is stored all the same.
 */
export abstract class Previous {
  readonly #root: CID
  protected readonly blobs: BlobSource
  #cursor: TreeCursor | undefined
  #gone = false

  constructor (root: CID, blobs: BlobSource) {
    this.#root = root
    this.blobs = blobs
  }

  protected async search<T> (find: (cursor: TreeCursor) => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#gone) return undefined
    try {
      return await find(this.#cursor ??= await TreeCursor.open(this.#root, this.blobs))
    } catch (error) {
      if (!isBackupError(error, ...UNUSABLE)) throw error
      this.#gone = true
      return undefined
    }
  }
}

/** Why an earlier version may be of no use: damage, or keys (labels of an enum) that have no place in the new order. */
const UNUSABLE = ['BLOB_MISSING', 'BLOB_CORRUPT', 'PACK_CORRUPT', 'BLOCK_INVALID', 'TREE_INVALID', 'FORMAT_UNKNOWN', 'NODE_INVALID'] as const

/** The chunk at the same byte offset. */
export class PreviousBytes extends Previous {
  readonly #only: Address | undefined
  #start = 0

  constructor (root: CID, blobs: BlobSource) {
    super(root, blobs)
    this.#only = isChunk(root) ? addressOf(root) : undefined
  }

  /** Offsets must not descend. The last chunk stands for all that is behind it. */
  async baseAt (offset: number): Promise<Address | undefined> {
    return this.#only ?? await this.search(async cursor => {
      for (let place = cursor.place; place !== undefined; place = cursor.place) {
        if (this.#start + place.entry.size <= offset && !cursor.last) {
          this.#start += place.entry.size
          cursor.skip()
        } else if (place.height > 0) await cursor.enter()
        else return addressOf(place.entry.link)
      }
      return undefined
    })
  }
}

/** The chunk in whose range a key falls. */
export class PreviousRows extends Previous {
  readonly #compare: CompareKeys

  constructor (root: CID, blobs: BlobSource, compare: CompareKeys) {
    super(root, blobs)
    this.#compare = compare
  }

  /** Keys must not descend. */
  async baseAt (key: Uint8Array): Promise<Address | undefined> {
    const leaf = await this.leafAt(key)
    return leaf === undefined ? undefined : addressOf(leaf.link)
  }

  /** The last leaf whose first key is not behind `key`, or else the first leaf. */
  protected async leafAt (key: Uint8Array): Promise<TreeEntry | undefined> {
    return await this.search(async cursor => {
      for (let place = cursor.place; place !== undefined; place = cursor.place) {
        if (cursor.nextKey !== undefined && this.#compare(spanOf(cursor.nextKey), spanOf(key)) <= 0) cursor.skip()
        else if (place.height > 0) await cursor.enter()
        else return place.entry
      }
      return undefined
    })
  }
}

/** The value out of line that stood at a key and column. */
export class PreviousValues extends PreviousRows {
  readonly #keyColumns: number
  #chunk: CID | undefined
  #values = new Map<string, CID>()

  constructor (root: CID, blobs: BlobSource, { compare, keyColumns }: { readonly compare: CompareKeys, readonly keyColumns: number }) {
    super(root, blobs, compare)
    this.#keyColumns = keyColumns
  }

  /** Its root, to be the previous version of a value there now. Keys must not descend. */
  async rootAt (place: ValuePlace): Promise<CID | undefined> {
    const leaf = await this.leafAt(place.key)
    if (leaf?.refs === undefined) return undefined
    if (this.#chunk === undefined || !this.#chunk.equals(leaf.link)) {
      this.#values = await this.search(async () => valuesOf(await readBlob(this.blobs, leaf.link), this.#keyColumns)) ?? new Map<string, CID>()
      this.#chunk = leaf.link
    }
    return this.#values.get(placeName(place))
  }
}

/** The values out of line of whole rows, by their place. */
function valuesOf (rows: Uint8Array, keyColumns: number): Map<string, CID> {
  const values = new Map<string, CID>()
  for (let at = findReference(rows); at >= 0; at = findReference(rows, at + 1)) {
    const start = rows.lastIndexOf(NEWLINE, at) + 1
    const key = rows.subarray(start, keyEnd(rows, start, rows.length, keyColumns))
    const column = rows.subarray(start, at).reduce((tabs, byte) => byte === TAB ? tabs + 1 : tabs, 0)
    values.set(placeName({ key, column }), CID.parse(parseReference(rows.subarray(at, valueEndAt(rows, at)))!.text))
  }
  return values
}

function placeName ({ key, column }: ValuePlace): string {
  return `${column}\t${Buffer.from(key).toString('latin1')}`
}
