import type { StoreValue } from '../chunking/long-row.ts'
import { measureRows } from '../chunking/row-average.ts'
import type { RowChunk } from '../chunking/row-chunk.ts'
import type { RowCut } from '../chunking/row-chunker.ts'
import { chunkHeapRows, chunkRows, newCut } from '../chunking/row-chunker.ts'
import type { RowBatch } from '../chunking/row-splitter.ts'
import { splitRows } from '../chunking/row-splitter.ts'
import type { Address } from '../cas/blob-store.ts'
import type { KeyColumn, RowContent, RowLayout } from '../sources/source.ts'
import { addressOf, chunkCid, textOf } from './block.ts'
import { counted } from './counted.ts'
import { mapInOrder } from '../cas/in-order.ts'
import { commonKey, keyOrder } from './key-order.ts'
import { PackedLinks } from './links.ts'
import { MultisetHash } from './multiset-hash.ts'
import { PreviousBlocks } from './previous-blocks.ts'
import { PreviousRows, PreviousValues } from './previous-rows.ts'
import { PreviousStream } from './previous-stream.ts'
import { storeBytes } from './store-bytes.ts'
import type { StoreContext } from './store-context.ts'
import { DEFAULT_CONCURRENCY } from './store-context.ts'
import type { StoredRows } from './stored-content.ts'
import { storeChanges } from './store-changes.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource } from './tree-memory.ts'
import type { WrittenTree } from './tree-writer.ts'
import { writeTree } from './tree-writer.ts'

/** What earlier versions are used for. */
export interface RowHistory {
  /** Its cut rule is taken over. */
  readonly like?: StoredRows | undefined
  /** Its chunks are offered as bases. */
  readonly bases?: StoredRows | undefined
}

export interface StoredTable {
  readonly content: StoredRows
  /** That of the node. */
  readonly hash: string
}

/** Stores a table's rows: by what changed when the source offers that and it fits the earlier version, else by reading all of them. */
export async function storeRows (content: RowContent, context: StoreContext, history: RowHistory): Promise<StoredTable> {
  const { layout } = content
  const before = history.bases
  const changed = before !== undefined && sameLayout(layout, before) ? await storeChanges(content, context, before, valueStore(context, layout.key, before)) : undefined
  return changed ?? await storeAll(content, context, history)
}

/** True if rows of both have the same columns in the same order, and the same key. */
export function sameLayout (a: RowLayout, b: RowLayout): boolean {
  return JSON.stringify([a.columns, a.key]) === JSON.stringify([b.columns, b.key])
}

async function storeAll (content: RowContent, context: StoreContext, { like, bases }: RowHistory): Promise<StoredTable> {
  const { columns, key } = content.layout
  const earlier = bases !== undefined && commonKey(bases.key, key) !== undefined ? bases : undefined
  const batches = splitRows(counted(content.read({ signal: context.signal }), context.onBytes), {
    keyColumns: key.length, signal: context.signal, storeValue: valueStore(context, key, earlier),
  })
  if (key.length === 0) {
    const { tree, hash } = await storeHeap(batches, context, bases)
    return { content: { form: 'rows', ...tree, columns, key }, hash }
  }
  const { tree, cut } = await storeSorted(batches, context, { key, averageRowBytes: content.averageRowBytes, cut: like?.cut, earlier })
  return { content: { form: 'rows', ...tree, columns, key, cut }, hash: addressOf(tree.root) }
}

/** A larger average may come from values that go out of line and then count little: it is measured instead. */
const LARGEST_KNOWN = 2_048

export interface SortedOptions {
  readonly key: readonly KeyColumn[]
  readonly averageRowBytes?: number | undefined
  readonly cut?: RowCut | undefined
  readonly earlier?: StoredRows | undefined
  /** What the earlier version is read through. @default the context's blobs */
  readonly trees?: BlobSource | undefined
}

/** Stores rows in key order. */
export async function storeSorted (
  rows: AsyncIterable<RowBatch>, context: StoreContext, { key, averageRowBytes, cut, earlier, trees = context.blobs }: SortedOptions,
): Promise<{ tree: WrittenTree, cut: RowCut }> {
  const known = averageRowBytes !== undefined && averageRowBytes <= LARGEST_KNOWN ? averageRowBytes : undefined
  const measured = cut === undefined && known === undefined ? await measureRows(rows) : undefined
  const rule = cut ?? newCut(known ?? measured!.averageRowBytes, context.seed)
  const compare = keyOrder(key)
  const chunks = chunkRows(measured?.batches ?? rows, { ...rule, keyColumns: key.length, compare })
  const before = earlier === undefined ? undefined : new PreviousRows(earlier.root, trees, compare)
  const blocks = earlier === undefined ? undefined : new PreviousBlocks(earlier.root, trees, compare)
  const tree = await storeChunks(chunks, context, { seed: rule.seed, bases: before && { of: async ({ key: first }) => await before.baseAt(first!) }, blocks })
  return { tree, cut: rule }
}

/** Stores rows in the order they come. */
async function storeHeap (
  rows: AsyncIterable<RowBatch>, context: StoreContext, earlier: StoredRows | undefined,
): Promise<{ tree: WrittenTree, hash: string }> {
  await using multiset = new MultisetHash()
  const before = earlier === undefined ? undefined : new PreviousStream(earlier.root, context.blobs)
  const bases = before && { of: async (_: RowChunk, offset: number) => await before.baseAt(offset), align: before.align.bind(before) }
  const tree = await storeChunks(chunkHeapRows(multiset.passing(rows), context.chunker), context, { seed: undefined, bases })
  return { tree, hash: await multiset.digest() }
}

interface ChunkOptions {
  readonly seed: Uint8Array | undefined
  /** Chunks of an earlier version. */
  readonly bases: {
    of(chunk: RowChunk, offset: number): Promise<Address | undefined>
    /** Told that what is now at `offset` was there before. */
    align?(address: Address, offset: number): void
  } | undefined
  readonly blocks?: PreviousBlocks | undefined
}

async function storeChunks (
  chunks: AsyncIterable<RowChunk>, { blobs, signal, concurrency = DEFAULT_CONCURRENCY }: StoreContext, { seed, bases, blocks }: ChunkOptions,
): Promise<WrittenTree> {
  const withBases = async function * (): AsyncGenerator<{ chunk: RowChunk, offset: number, base: Address | undefined }> {
    let offset = 0
    for await (const chunk of chunks) {
      yield { chunk, offset, base: await bases?.of(chunk, offset) }
      offset += chunk.sizeBytes
    }
  }
  const entries = mapInOrder(withBases(), concurrency, async ({ chunk, offset, base }): Promise<TreeEntry> => {
    const { address, stored } = await blobs.put(chunk.bytes, { base, kind: 'chunk', signal })
    chunk.release?.()
    if (stored === 'present') bases?.align?.(address, offset)
    return { link: chunkCid(address), size: chunk.sizeBytes, count: chunk.rows, key: chunk.key, refs: PackedLinks.parse(chunk.values) }
  })
  return await writeTree(entries, { form: 'rows', seed, blobs, before: blocks, signal })
}

function valueStore (context: StoreContext, key: readonly KeyColumn[], earlier: StoredRows | undefined): StoreValue {
  const before = earlier === undefined || key.length === 0 ? undefined
    : new PreviousValues(earlier.root, context.blobs, { compare: keyOrder(key), keyColumns: key.length })
  return async (bytes, place) => textOf((await storeBytes(bytes, context, { previous: await before?.rootAt(place) })).root)
}
