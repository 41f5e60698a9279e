import { keyEnd, NEWLINE } from '../chunking/copy-text.ts'
import type { KeySpan } from '../chunking/row-chunker.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { readBlob } from './block.ts'
import { commonKey, decodeKey, keyOrder } from './key-order.ts'
import { diffHeapRows } from './heap-diff.ts'
import { skipEqual } from './skip-equal.ts'
import type { StoredRows } from './stored-content.ts'
import type { BlobSource } from './tree-reader.ts'
import { TreeCursor } from './tree-reader.ts'

/** A row that is not the same in two versions of a table: COPY text as it is stored, with its newline; values out of line are references. */
export interface RowChange {
  readonly change: 'added' | 'removed' | 'changed'
  /** Values of the key's columns; empty for rows without a key, which are never `changed`. */
  readonly key: readonly string[]
  readonly before?: Uint8Array
  readonly after?: Uint8Array
}

export interface RowChangeCounts {
  readonly added: number
  readonly removed: number
  readonly changed: number
}

/**
 * What differs between two versions of a table, in key order (without a key: in no particular one). Reads only chunks that
 * are not in both versions; the cut rules may differ.
 * @throws {BackupError} `INVALID_OPTION` when the versions have other keys, so that their rows do not compare.
 */
export function diffRows (before: StoredRows, after: StoredRows, blobs: BlobSource, options: AbortOptions = {}): AsyncGenerator<RowChange> {
  const key = commonKey(before.key, after.key)
  if (key === undefined) {
    throw new BackupError('INVALID_OPTION', 'the two versions have different keys: their rows cannot be compared one by one', { data: { before: before.key, after: after.key } })
  }
  return before.key.length === 0 ? diffHeapRows(before, after, blobs, options) : diffSortedRows({ ...before, key }, { ...after, key }, blobs, options)
}

/** How many rows differ. */
export async function countRowChanges (before: StoredRows, after: StoredRows, blobs: BlobSource, options: AbortOptions = {}): Promise<RowChangeCounts> {
  const counts = { added: 0, removed: 0, changed: 0 }
  for await (const { change } of diffRows(before, after, blobs, options)) counts[change]++
  return counts
}

async function * diffSortedRows (before: StoredRows, after: StoredRows, blobs: BlobSource, options: AbortOptions): AsyncGenerator<RowChange> {
  const compare = keyOrder(before.key)
  const a = await RowCursor.open(before, blobs, options)
  const b = await RowCursor.open(after, blobs, options)
  for (;;) {
    if (a.betweenChunks && b.betweenChunks) await skipEqual(a.chunks, b.chunks)
    const [left, right] = [await a.row(), await b.row()]
    if (left === undefined && right === undefined) return
    const order = left === undefined ? 1 : right === undefined ? -1 : compare(left, right)
    if (order < 0) yield { change: 'removed', key: keyOf(left!), before: a.take() }
    else if (order > 0) yield { change: 'added', key: keyOf(right!), after: b.take() }
    else {
      const key = keyOf(left!)
      const [old, now] = [a.take(), b.take()]
      if (Buffer.compare(old, now) !== 0) yield { change: 'changed', key, before: old, after: now }
    }
  }
}

/** Goes through the rows of a table one by one. */
class RowCursor {
  readonly chunks: TreeCursor
  readonly #blobs: BlobSource
  readonly #keyColumns: number
  readonly #options: AbortOptions
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0

  private constructor (chunks: TreeCursor, { key }: StoredRows, blobs: BlobSource, options: AbortOptions) {
    this.chunks = chunks
    this.#keyColumns = key.length
    this.#blobs = blobs
    this.#options = options
  }

  static async open (content: StoredRows, blobs: BlobSource, options: AbortOptions): Promise<RowCursor> {
    return new RowCursor(await TreeCursor.open(content.root, blobs, { ...options, form: 'rows' }), content, blobs, options)
  }

  /** True when all rows of the chunks entered so far were taken. */
  get betweenChunks (): boolean {
    return this.#start === this.#bytes.length
  }

  /** The key of the current row, where it stands; undefined at the end. */
  async row (): Promise<KeySpan | undefined> {
    if (this.betweenChunks) {
      const leaf = await this.chunks.leaf()
      if (leaf === undefined) return undefined
      this.chunks.skip()
      this.#bytes = await readBlob(this.#blobs, leaf.link, this.#options)
      this.#start = 0
    }
    return { bytes: this.#bytes, start: this.#start, end: keyEnd(this.#bytes, this.#start, this.#bytes.length, this.#keyColumns) }
  }

  /** The current row; the cursor goes on. */
  take (): Uint8Array {
    const end = this.#bytes.indexOf(NEWLINE, this.#start) + 1 || this.#bytes.length
    const row = this.#bytes.subarray(this.#start, end)
    this.#start = end
    return row
  }
}

function keyOf ({ bytes, start, end }: KeySpan): string[] {
  return decodeKey(bytes.subarray(start, end))
}
