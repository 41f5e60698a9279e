import type { StoreValue } from '../chunking/long-row.ts'
import type { RowCut } from '../chunking/row-chunker.ts'
import { splitRows } from '../chunking/row-splitter.ts'
import { BackupError } from '../errors.ts'
import type { RowChanges, RowContent } from '../sources/source.ts'
import type { Bytes } from '../stream.ts'
import { addressOf, chunkCid, readBlob } from './block.ts'
import { BorrowedBytes } from './borrowed-bytes.ts'
import { counted } from './counted.ts'
import type { EditedChunk } from './edited-run.ts'
import { mapInOrder } from '../cas/in-order.ts'
import { keyOrder } from './key-order.ts'
import { PackedLinks } from './links.ts'
import { PreviousBlocks } from './previous-blocks.ts'
import { isUnusable } from './previous.ts'
import { takeOverChunk, takeOverTree } from './reuse.ts'
import { RowEditor } from './row-editor.ts'
import { isUntouched, planEdits } from './row-edits.ts'
import type { KeyRule } from './row-search.ts'
import { SortedRows } from './sorted-rows.ts'
import type { StoreContext } from './store-context.ts'
import { DEFAULT_CONCURRENCY } from './store-context.ts'
import type { StoredTable } from './store-rows.ts'
import type { StoredRows } from './stored-content.ts'
import type { TreeEntry } from './tree.ts'
import { readEntries } from './tree-reader.ts'
import { writeTree } from './tree-writer.ts'

/** Chunks that are read ahead. */
const READ_AHEAD = 8

/**
 * Stores rows by what changed since an earlier version of the same layout. The result is byte for byte that of storing all rows.
 * Undefined when the source does not tell, it does not fit, or something of the earlier version cannot be read.
 */
export async function storeChanges (content: RowContent, context: StoreContext, before: StoredRows, storeValue: StoreValue): Promise<StoredTable | undefined> {
  const { cut } = before
  if (content.changes === undefined || cut === undefined || before.count === 0) return undefined
  for (const withKeys of [false, true]) {
    const changes = await content.changes({ signal: context.signal, withKeys })
    try {
      return await new ChangedTable(context, before, cut, storeValue).store(changes)
    } catch (error) {
      context.signal?.throwIfAborted()
      if (!isUnusable(error)) throw error
      if ('keys' in changes) return undefined
    } finally {
      await changes.close()
    }
  }
  return undefined
}

/** One attempt to make a table out of its earlier version. */
class ChangedTable {
  readonly #context: StoreContext
  readonly #before: StoredRows
  readonly #cut: RowCut
  readonly #storeValue: StoreValue
  readonly #rule: KeyRule
  readonly #bases = new BorrowedBytes()

  constructor (context: StoreContext, before: StoredRows, cut: RowCut, storeValue: StoreValue) {
    this.#context = context
    this.#before = before
    this.#cut = cut
    this.#storeValue = storeValue
    this.#rule = { compare: keyOrder(before.key), keyColumns: before.key.length }
  }

  /** @throws {BackupError} `NODE_INVALID` when the changes do not fit, or rows were deleted and their keys are not known; what reading throws */
  async store (changes: RowChanges): Promise<StoredTable> {
    const { blobs, signal, concurrency = DEFAULT_CONCURRENCY } = this.#context
    const changed = this.#sorted(changes.rows)
    const keys = 'keys' in changes ? this.#sorted(changes.keys) : undefined
    try {
      if ('count' in changes && changes.count === this.#before.count && await changed.next() === undefined) return await this.#storeUnchanged()
      const editor = new RowEditor({ ...this.#cut, ...this.#rule, fetch: async entry => await this.#fetch(entry), spent: bytes => { this.#bases.spent(bytes) } })
      const edits = planEdits(readEntries(this.#before.root, blobs, { signal, form: 'rows' }), { changed, keys }, this.#rule)
      const fetched = mapInOrder(edits, READ_AHEAD, async edit => ({ ...edit, bytes: edit.isFirst && !isUntouched(edit) ? await this.#fetch(edit.entry) : undefined }))
      const entries = mapInOrder(editor.apply(fetched), concurrency, async chunk => await this.#put(chunk))
      const before = new PreviousBlocks(this.#before.root, blobs, this.#rule.compare)
      const { root, size, count } = await writeTree(entries, { form: 'rows', seed: this.#cut.seed, blobs, before, signal })
      if ('count' in changes) checkCount(changes.count, count)
      const { columns, key } = this.#before
      return { content: { form: 'rows', root, size, count, columns, key, cut: this.#cut }, hash: addressOf(root) }
    } finally {
      await Promise.all([changed.close(), keys?.close()])
    }
  }

  /** The earlier version as it is: no chunk of it is read. */
  async #storeUnchanged (): Promise<StoredTable> {
    await takeOverTree(this.#before.root, this.#context)
    return { content: this.#before, hash: addressOf(this.#before.root) }
  }

  #sorted (rows: Bytes): SortedRows {
    const { signal, onBytes } = this.#context
    return new SortedRows(splitRows(counted(rows, onBytes), { keyColumns: this.#rule.keyColumns, signal, storeValue: this.#storeValue }), this.#rule)
  }

  async #fetch ({ link }: TreeEntry): Promise<Uint8Array> {
    const { blobs, signal } = this.#context
    return await readBlob(blobs, link, { signal })
  }

  async #put (edited: EditedChunk): Promise<TreeEntry> {
    if ('entry' in edited) {
      await takeOverChunk(edited.entry, this.#context)
      return edited.entry
    }
    const { blobs, signal } = this.#context
    const { chunk: { bytes, sizeBytes, rows, key, values, release }, base } = edited
    const { address } = await this.#bases.during(base?.bytes, async () =>
      await blobs.put(bytes, { base: base && { address: addressOf(base.entry.link), bytes: base.bytes, copies: base.copies }, kind: 'chunk', signal }))
    release?.()
    return { link: chunkCid(address), size: sizeBytes, count: rows, key, refs: PackedLinks.parse(values) }
  }
}

/** Without deletions there are as many rows as come out; each deleted one is one too many. */
function checkCount (now: number, stored: number): void {
  if (now !== stored) throw new BackupError('NODE_INVALID', `there are ${now} rows, and ${stored} when none was deleted: it takes the keys to know which were`, { data: { now, stored } })
}
