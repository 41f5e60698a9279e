import type { RowBatch, ValueReference } from '../chunking/row-splitter.ts'
import type { CutSizes } from '../chunking/byte-cutter.ts'
import type { FileContent, FileEntry } from '../sources/source.ts'
import type { CID } from './block.ts'
import { addressOf, parseCid, textOf } from './block.ts'
import { counted } from './counted.ts'
import type { RememberedFile } from './file-memory.ts'
import { encodeFileRow, FILE_COLUMNS, FILE_CONTENT, FILE_KEY } from './file-row.ts'
import { mapInOrder } from '../cas/in-order.ts'
import { encodeKey, keyOrder } from './key-order.ts'
import { isUnusable } from './previous.ts'
import { PreviousValues } from './previous-rows.ts'
import { storeBytes, storeChunk, storeWhole } from './store-bytes.ts'
import type { StoreBytesOptions } from './store-bytes.ts'
import type { StoreContext } from './store-context.ts'
import { DEFAULT_CONCURRENCY } from './store-context.ts'
import type { RowHistory } from './store-rows.ts'
import { storeSorted } from './store-rows.ts'
import type { StoredBytes, StoredRows } from './stored-content.ts'
import { TreeMemory } from './tree-memory.ts'
import { walk } from './walk.ts'

/** Stores a folder tree, several files at once; the hash is that of the node. */
export async function storeFiles (content: FileContent, context: StoreContext, { like, bases }: RowHistory): Promise<{ content: StoredRows, hash: string }> {
  const { signal, concurrency = DEFAULT_CONCURRENCY } = context
  const trees = new TreeMemory(context.blobs)
  const entries = withHistory(content.entries({ signal }), context, bases && { ...bases, trees })
  const stored = mapInOrder(entries, concurrency, async file => ({ entry: file.entry, content: await storeEntry(file, context) }), { weigh: file => weigh(file, context.chunker) })
  const { tree, cut } = await storeSorted(rowsOf(stored, context), context, { key: FILE_KEY, cut: like?.cut, earlier: bases, trees })
  return { content: { form: 'files', ...tree, columns: FILE_COLUMNS, key: FILE_KEY, cut }, hash: addressOf(tree.root) }
}

/** Files that are small, so many or with so many bytes together, count as one of those that are stored at once: their chunks are encoded together. */
const SMALL_FOR_ONE = 16
const SMALL_BYTES_FOR_ONE = 512 * 1024

function weigh ({ entry, known }: EntryHistory, { min }: CutSizes): number {
  if (known !== undefined) return 1 / SMALL_FOR_ONE
  return entry.sizeBytes > min ? 1 : Math.max(entry.sizeBytes / SMALL_BYTES_FOR_ONE, 1 / SMALL_FOR_ONE)
}

/** An entry, and what is known of it. */
interface EntryHistory {
  readonly entry: FileEntry
  /** Where its content is, if that is the same as before. */
  readonly known?: RememberedFile | undefined
  /** The root of what the file held before. */
  readonly previous?: CID | undefined
}

type ReadableEntry = FileEntry & Required<Pick<FileEntry, 'read'>>

/** Asked one after the other, since the memory and the earlier tree are read in order. */
async function * withHistory (entries: AsyncIterable<FileEntry>, context: StoreContext, bases: Pick<StoredRows, 'root'> & { readonly trees: TreeMemory } | undefined): AsyncGenerator<EntryHistory> {
  const before = bases === undefined ? undefined
    : new PreviousValues(bases.root, bases.trees, { compare: keyOrder(FILE_KEY), keyColumns: FILE_KEY.length })
  for await (const entry of entries) {
    const known = await knownContent(entry, context)
    const previous = known !== undefined || entry.read === undefined ? undefined : await before?.rootAt({ key: encodeKey([entry.path]), column: FILE_CONTENT })
    yield { entry, known, previous }
  }
}

/** The content of a file in a state that is remembered, if all of it is still there to be built on. */
async function knownContent ({ path, state, sizeBytes }: FileEntry, context: StoreContext): Promise<RememberedFile | undefined> {
  const { memory } = context
  const known = memory === undefined || state === undefined ? undefined : await memory.recall(path, state)
  if (known === undefined || known.size !== sizeBytes) return undefined
  return memory?.isIntact === true || await isReusable(known, context) ? known : undefined
}

async function isReusable ({ root, size }: RememberedFile, { blobs, signal }: StoreContext): Promise<boolean> {
  if (size === 0) return true
  try {
    for await (const { address } of walk([parseCid(root, 'what is remembered of files')], blobs, { signal })) {
      if (blobs.reuse?.(address) !== true) return false
    }
    return true
  } catch (error) {
    if (isUnusable(error)) return false
    throw error
  }
}

async function storeEntry ({ entry, known, previous }: EntryHistory, context: StoreContext): Promise<ValueReference | undefined> {
  if (known !== undefined) return known.size === 0 ? undefined : { text: known.root, length: known.size }
  if (!isReadable(entry)) return undefined
  const stored = await storeFile(entry, context, { previous, effort: 'more' })
  return stored === undefined || stored.size === 0 ? undefined : { text: textOf(stored.root), length: stored.size }
}

function isReadable (entry: FileEntry): entry is ReadableEntry {
  return entry.read !== undefined
}

async function storeFile ({ sizeBytes, read, readNow }: ReadableEntry, context: StoreContext, options: StoreBytesOptions): Promise<StoredBytes | undefined> {
  const isSmall = sizeBytes <= context.chunker.min
  const whole = isSmall ? readNow?.() : undefined
  if (whole === undefined) {
    const bytes = counted(read({ signal: context.signal }), context.onBytes)
    return isSmall ? await storeChunk(bytes, context, options) : await storeBytes(bytes, context, options)
  }
  context.onBytes?.(whole.length)
  return whole.length === 0 ? undefined : await storeWhole(whole, context, options)
}

async function * rowsOf (stored: AsyncIterable<{ readonly entry: FileEntry, readonly content: ValueReference | undefined }>, { memory }: StoreContext): AsyncGenerator<RowBatch> {
  for await (const { entry, content } of stored) {
    const { path, state } = entry
    if (state !== undefined) await memory?.remember({ path, state, root: content?.text ?? '', size: content?.length ?? 0 })
    yield encodeFileRow(entry, content)
  }
}
