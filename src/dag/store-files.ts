import type { RowBatch } from '../chunking/row-splitter.ts'
import type { FileContent, FileEntry } from '../sources/source.ts'
import type { CID } from './block.ts'
import { addressOf } from './block.ts'
import { counted } from './counted.ts'
import { encodeFileRow, FILE_COLUMNS, FILE_CONTENT, FILE_KEY } from './file-row.ts'
import { mapInOrder } from './in-order.ts'
import { encodeKey, keyOrder } from './key-order.ts'
import { PreviousValues } from './previous-rows.ts'
import { storeBytes } from './store-bytes.ts'
import type { StoreContext } from './store-context.ts'
import { DEFAULT_CONCURRENCY } from './store-context.ts'
import type { RowHistory } from './store-rows.ts'
import { storeSorted } from './store-rows.ts'
import type { StoredRows } from './stored-content.ts'

/** Stores a folder tree, several files at once; the hash is that of the node. */
export async function storeFiles (content: FileContent, context: StoreContext, { like, bases }: RowHistory): Promise<{ content: StoredRows, hash: string }> {
  const { signal, concurrency = DEFAULT_CONCURRENCY } = context
  const entries = withPrevious(content.entries({ signal }), context, bases)
  const rows = mapInOrder(entries, concurrency, async ({ entry, previous }) => await storeEntry(entry, context, previous))
  const { tree, cut } = await storeSorted(rows, context, { key: FILE_KEY, cut: like?.cut, earlier: bases })
  return { content: { form: 'files', ...tree, columns: FILE_COLUMNS, key: FILE_KEY, cut }, hash: addressOf(tree.root) }
}

async function storeEntry (entry: FileEntry, context: StoreContext, previous: CID | undefined): Promise<RowBatch> {
  if (entry.read === undefined) return encodeFileRow(entry, undefined)
  const stored = await storeBytes(counted(entry.read({ signal: context.signal }), context.onBytes), context, { previous })
  return encodeFileRow(entry, stored.size === 0 ? undefined : stored)
}

/** Each entry with the root of what the file held before. Asked one after the other, since the earlier tree is read in order. */
async function * withPrevious (
  entries: AsyncIterable<FileEntry>, { blobs }: StoreContext, bases: StoredRows | undefined,
): AsyncGenerator<{ entry: FileEntry, previous: CID | undefined }> {
  const before = bases === undefined ? undefined
    : new PreviousValues(bases.root, blobs, { compare: keyOrder(FILE_KEY), keyColumns: FILE_KEY.length })
  for await (const entry of entries) {
    const previous = entry.read === undefined ? undefined : await before?.rootAt({ key: encodeKey([entry.path]), column: FILE_CONTENT })
    yield { entry, previous }
  }
}
