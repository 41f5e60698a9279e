import type { AbortOptions } from '../stream.ts'
import { decodeKey } from './key-order.ts'
import type { StoredRows } from './stored-content.ts'
import type { BlobSource, RowSpan } from './tree-reader.ts'
import { TreeCursor } from './tree-reader.ts'

/** Some chunks of a table, one behind the other, and the keys between which their rows are. */
export interface RowPart extends RowSpan {
  /** The key of its first row; absent in the first part. */
  readonly fromKey?: readonly string[]
  /** The key of the first row behind it; absent in the last part. */
  readonly toKey?: readonly string[]
}

/**
 * Divides rows with a key into up to `count` parts of about as many rows, which begin where chunks begin. Reads one way down the tree for each.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`
 */
export async function rowParts (content: StoredRows, blobs: BlobSource, { count, ...options }: AbortOptions & { readonly count: number }): Promise<RowPart[]> {
  const starts = content.key.length === 0 ? [] : await partStarts(content, blobs, { count, ...options })
  return [{ row: 0 }, ...starts].map(({ row, key }: PartStart, index) => {
    const next = starts[index]
    return { from: row, to: next?.row ?? content.count, ...(key !== undefined && { fromKey: key }), ...(next?.key !== undefined && { toKey: next.key }) }
  })
}

interface PartStart {
  readonly row: number
  readonly key?: readonly string[]
}

/** Where the parts after the first begin: each with the chunk that holds the row at which a cut into equal ones would be. */
async function partStarts (content: StoredRows, blobs: BlobSource, { count, ...options }: AbortOptions & { readonly count: number }): Promise<PartStart[]> {
  const cursor = await TreeCursor.open(content.root, blobs, { ...options, form: 'rows' })
  const starts: PartStart[] = []
  let row = 0
  for (let part = 1, place = cursor.place; part < count && place !== undefined; place = cursor.place) {
    const { entry, height } = place, next = row + (entry.count ?? 0), cut = Math.floor(content.count * part / count)
    if (next > cut && height > 0) {
      await cursor.enter()
      continue
    }
    if (next > cut) {
      if (row > (starts.at(-1)?.row ?? 0) && entry.key !== undefined) starts.push({ row, key: decodeKey(entry.key) })
      part++
      continue
    }
    cursor.skip()
    row = next
  }
  return starts
}
