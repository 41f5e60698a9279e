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
  const steps = stepsOf(content.entries({ signal }), context, bases && { ...bases, trees })
  const stored = mapInOrder(steps, concurrency, async step => 'entry' in step ? [await storeEntry(step, context)] : step, { weigh: step => weigh(step, context.chunker) })
  const { tree, cut } = await storeSorted(rowsOf(stored, context), context, { key: FILE_KEY, cut: like?.cut, earlier: bases, trees })
  return { content: { form: 'files', ...tree, columns: FILE_COLUMNS, key: FILE_KEY, cut }, hash: addressOf(tree.root) }
}

/** Files that are small, so many or with so many bytes together, count as one of those that are stored at once: their chunks are encoded together. */
const SMALL_FOR_ONE = 16
const SMALL_BYTES_FOR_ONE = 512 * 1024

function weigh (step: Step, { min }: CutSizes): number {
  if (!('entry' in step)) return 1 / SMALL_FOR_ONE
  const { sizeBytes } = step.entry
  return sizeBytes > min ? 1 : Math.max(sizeBytes / SMALL_BYTES_FOR_ONE, 1 / SMALL_FOR_ONE)
}

interface StoredEntry {
  readonly entry: FileEntry
  /** Of a file that is not empty. */
  readonly content: ValueReference | undefined
}

interface UnstoredEntry {
  readonly entry: ReadableEntry
  /** The root of what the file held before. */
  readonly previous: CID | undefined
}

type ReadableEntry = FileEntry & Required<Pick<FileEntry, 'read'>>

/** A few entries of which nothing is left to be stored, or one other: most entries are as they were, and cost little if they do not wait one by one. */
type Step = readonly StoredEntry[] | UnstoredEntry
const MOST_IN_STEP = 16

/** Memory and earlier tree are asked one after the other, since they are read in order. */
async function * stepsOf (entries: AsyncIterable<FileEntry>, context: StoreContext, bases: Pick<StoredRows, 'root'> & { readonly trees: TreeMemory } | undefined): AsyncGenerator<Step> {
  const before = bases === undefined ? undefined
    : new PreviousValues(bases.root, bases.trees, { compare: keyOrder(FILE_KEY), keyColumns: FILE_KEY.length })
  let ready: StoredEntry[] = []
  for await (const entry of entries) {
    const known = await knownContent(entry, context)
    if (known !== undefined || !isReadable(entry)) {
      ready.push({ entry, content: known && referenceTo(known.root, known.size) })
      if (ready.length < MOST_IN_STEP) continue
    }
    if (ready.length > 0) yield ready
    ready = []
    if (known === undefined && isReadable(entry)) yield { entry, previous: await before?.rootAt({ key: encodeKey([entry.path]), column: FILE_CONTENT }) }
  }
  if (ready.length > 0) yield ready
}

function isReadable (entry: FileEntry): entry is ReadableEntry {
  return entry.read !== undefined
}

function referenceTo (text: string, length: number): ValueReference | undefined {
  return length === 0 ? undefined : { text, length }
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

async function storeEntry ({ entry, previous }: UnstoredEntry, context: StoreContext): Promise<StoredEntry> {
  const stored = await storeFile(entry, context, { previous, effort: 'more' })
  return { entry, content: stored && referenceTo(textOf(stored.root), stored.size) }
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

async function * rowsOf (stored: AsyncIterable<readonly StoredEntry[]>, { memory }: StoreContext): AsyncGenerator<RowBatch> {
  for await (const step of stored) {
    await memory?.remember(step.flatMap(({ entry: { path, state }, content }) => state === undefined ? [] : [{ path, state, root: content?.text ?? '', size: content?.length ?? 0 }]))
    for (const { entry, content } of step) yield encodeFileRow(entry, content)
  }
}
