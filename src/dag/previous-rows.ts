import type { Address } from '../cas/blob-store.ts'
import { keyEnd, NEWLINE, TAB } from '../chunking/copy-text.ts'
import type { ValuePlace } from '../chunking/long-row.ts'
import type { CompareKeys } from '../chunking/row-chunker.ts'
import { findReference, parseReference, valueEndAt } from '../chunking/value-reference.ts'
import type { CID } from './block.ts'
import { addressOf, parseCid, readBlob } from './block.ts'
import { spanOf } from './key-order.ts'
import { Previous } from './previous.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource, TreePlace } from './tree-reader.ts'

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
    const place = await this.placeAt(key, 0)
    return place?.entry
  }

  /** The place of that height, or of a lower one where the tree is no higher, in whose range `key` falls. */
  protected async placeAt (key: Uint8Array, height: number): Promise<TreePlace | undefined> {
    return await this.search(async cursor => {
      for (let place = cursor.place; place !== undefined; place = cursor.place) {
        if (cursor.nextKey !== undefined && this.#compare(spanOf(cursor.nextKey), spanOf(key)) <= 0) cursor.skip()
        else if (place.height > height) await cursor.enter()
        else return place
      }
      return undefined
    })
  }
}

/** The value out of line that stood at a key and column. */
export class PreviousValues extends PreviousRows {
  readonly #keyColumns: number
  #chunk: CID | undefined
  #values: ReadonlyMap<string, string> = new Map()

  constructor (root: CID, blobs: BlobSource, { compare, keyColumns }: { readonly compare: CompareKeys, readonly keyColumns: number }) {
    super(root, blobs, compare)
    this.#keyColumns = keyColumns
  }

  /** Its root, to be the previous version of a value there now. Keys must not descend. */
  async rootAt (place: ValuePlace): Promise<CID | undefined> {
    const leaf = await this.leafAt(place.key)
    if (leaf?.refs === undefined) return undefined
    if (this.#chunk === undefined || !this.#chunk.equals(leaf.link)) {
      this.#values = await this.search(async () => valuesOf(await readBlob(this.blobs, leaf.link), this.#keyColumns)) ?? new Map<string, string>()
      this.#chunk = leaf.link
    }
    const root = this.#values.get(placeName(place))
    return root === undefined ? undefined : await this.search(async () => parseCid(root, 'a row'))
  }
}

/** The roots of the values out of line of whole rows, by their place. */
function valuesOf (rows: Uint8Array, keyColumns: number): Map<string, string> {
  const values = new Map<string, string>()
  for (let at = findReference(rows); at >= 0; at = findReference(rows, at + 1)) {
    const start = rows.lastIndexOf(NEWLINE, at) + 1
    const key = rows.subarray(start, keyEnd(rows, start, rows.length, keyColumns))
    const column = rows.subarray(start, at).reduce((tabs, byte) => byte === TAB ? tabs + 1 : tabs, 0)
    values.set(placeName({ key, column }), parseReference(rows.subarray(at, valueEndAt(rows, at)))!.text)
  }
  return values
}

function placeName ({ key, column }: ValuePlace): string {
  return `${column}\t${Buffer.from(key).toString('latin1')}`
}
