import { createHash } from 'node:crypto'
import type { BlobReader } from '../../cas/blob-store.ts'
import { free } from '../../cas/zstd.ts'
import type { RowBatch } from '../../chunking/row-splitter.ts'
import type { CID } from '../../dag/block.ts'
import { addressOf, isChunk, readBlob } from '../../dag/block.ts'
import { mapInOrder } from '../../cas/in-order.ts'
import { keyOrder } from '../../dag/key-order.ts'
import { MultisetHash } from '../../dag/multiset-hash.ts'
import type { NodeBlock } from '../../dag/node.ts'
import type { StoredRows } from '../../dag/content.ts'
import { checkExpectation, decodeTree, expectedBelow } from '../../dag/tree.ts'
import type { TreeEntry, TreeExpectation } from '../../dag/tree.ts'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { KnownEntries } from './known-entries.ts'
import { keysAscend, verifyRowChunk } from './verify-row-chunk.ts'
import type { LinkedValue, RowLayout } from './verify-row-chunk.ts'

/** Chunks read ahead: as many as keep the threads busy that decompress them. */
const READ_AHEAD = 8
/** Chunks of which only the lengths are wanted are looked at so many at a time, and so many times at once. */
const BATCH = 32
const BATCHES_AT_ONCE = 2

export interface ContentOptions extends AbortOptions {
  readonly blobs: BlobReader
  /** What a verified parent has at this node. */
  readonly known: KnownEntries
  /** `none`: chunks need only be there; a number: the share of the known ones that is read too; new ones are then always read. */
  readonly data: 'none' | number
  /** From 0 to 1, for choosing the share. */
  readonly random: () => number
  /** Told of each blob that was read. */
  readonly onBlob: () => void
}

/**
 * Looks at what a node says it holds: tree blocks, their sums, chunks, values out of line, and the node's hash, as far as all that it is made of was read.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`, `NODE_INVALID`
 */
export async function verifyContent ({ id, hash, content }: Pick<NodeBlock, 'id' | 'hash' | 'content'>, options: ContentOptions): Promise<void> {
  const verifier = new ContentVerifier(options)
  const found = content.form === 'bytes' ? await verifier.bytes(content.root, content.size) : await verifier.rows(content)
  if (found !== undefined && found !== hash) throw new BackupError('NODE_INVALID', `node ${id} has the hash ${hash}, its content has ${found}`, { data: { id, hash, found } })
}

interface Leaf {
  readonly entry: TreeEntry
  readonly known: boolean
  /** Undefined when the chunk was not read. */
  readonly bytes?: Uint8Array
}

class ContentVerifier {
  readonly #options: ContentOptions
  readonly #seen = new Set<string>()
  /** False as soon as something was left out, so that the hash of all of it cannot be told. */
  #complete = true

  constructor (options: ContentOptions) {
    this.#options = options
  }

  /** The stream's SHA-256, or undefined when not all of it was read. */
  async bytes (root: CID, size: number): Promise<string | undefined> {
    const digest = createHash('sha256')
    for await (const { entry, bytes } of this.#leaves(root, { form: 'bytes', size, count: 0 })) {
      if (bytes === undefined) continue
      digest.update(checkLength(bytes, entry))
      free(bytes)
    }
    return this.#complete ? digest.digest('hex') : undefined
  }

  /** The hash of the rows; undefined for rows without a key of which not all were read. */
  async rows (content: StoredRows): Promise<string | undefined> {
    const { form, root, size, count, key } = content
    const layout: RowLayout = { form, keyColumns: key.length, compare: keyOrder(key) }
    const batches = this.#rowBatches(root, { form: 'rows', size, count }, layout)
    if (key.length > 0) {
      for await (const _ of batches); // it verifies what passes
      return addressOf(root)
    }
    await using multiset = new MultisetHash()
    for await (const _ of multiset.passing(batches)); // it hashes what passes
    return this.#complete ? await multiset.digest() : undefined
  }

  async * #rowBatches (root: CID, expectation: TreeExpectation, layout: RowLayout): AsyncGenerator<RowBatch> {
    let last: Uint8Array | undefined
    for await (const { entry, bytes } of this.#leaves(root, expectation)) {
      if (!keysAscend(last, entry.key, layout)) throw invalid(entry.link, 'does not follow the keys before it')
      last = entry.key
      if (bytes === undefined) continue
      const { ends, values, lastKey } = verifyRowChunk(bytes, entry, layout)
      last = lastKey === undefined ? undefined : Buffer.from(lastKey) // the chunk goes away
      if (values.length > 0) await this.#values(values, entry.key)
      yield { bytes, ends, values: [] }
      free(bytes)
    }
  }

  /** The values out of line of a chunk that begins with `key`. */
  async #values (values: readonly LinkedValue[], key: Uint8Array | undefined): Promise<void> {
    const known = await this.#options.known.valuesNear(key)
    const leaves = values.map(({ text, length, root }) => ({ entry: { link: root, size: length }, known: known?.get(text) === length }))
    await this.#lengths(leaves.filter(({ entry }) => isChunk(entry.link)))
    const trees = mapInOrder(leaves.filter(({ entry }) => !isChunk(entry.link)), READ_AHEAD, async leaf => { await this.#value(leaf) })
    for await (const _ of trees); // each throws what it finds
  }

  /** A value is known if the parent's rows give it the same length. If the parent has it elsewhere, its length is still to be looked at. */
  async #value ({ entry: { link, size }, known }: Leaf): Promise<void> {
    const { known: before, data, random } = this.#options
    if ((known || before.hasValue(link)) && !(typeof data === 'number' && random() < data)) await this.#block(link, { form: 'bytes', size })
    else await new ContentVerifier(this.#options).value(link, size)
  }

  /** Looks at a stream of which nobody asks what all of it hashes to. */
  async value (root: CID, size: number): Promise<void> {
    const looks = mapInOrder(batchesOf(this.#entries(root, { form: 'bytes', size, count: 0 })), BATCHES_AT_ONCE, async leaves => { await this.#lengths(leaves) })
    for await (const _ of looks); // each throws what it finds
  }

  /** Looks whether chunks have the lengths that they should have. */
  async #lengths (leaves: readonly Leaf[]): Promise<void> {
    const { blobs, onBlob, signal } = this.#options
    signal?.throwIfAborted()
    const wanted = await Array.fromAsync(leaves, async leaf => await this.#isWanted(leaf) ? [leaf.entry] : [])
    const entries = wanted.flat()
    const lengths = await blobs.lengths?.(entries.map(({ link }) => addressOf(link)), { signal }) ?? []
    for await (const [entry, length] of mapInOrder(entries.entries(), READ_AHEAD, async ([index, entry]) => [entry, lengths[index] ?? await this.#lengthOf(entry)] as const)) {
      onBlob()
      if (length !== entry.size) throw wrongLength(entry, length)
    }
  }

  async #lengthOf ({ link }: TreeEntry): Promise<number> {
    const bytes = await readBlob(this.#options.blobs, link, this.#options)
    const { length } = bytes
    free(bytes)
    return length
  }

  /** The entries of level 0 in order with their chunks, read while one goes. */
  #leaves (root: CID, expectation: TreeExpectation): AsyncGenerator<Leaf> {
    return mapInOrder(this.#entries(root, expectation), READ_AHEAD, async leaf => await this.#read(leaf))
  }

  async * #entries (root: CID, expectation: TreeExpectation): AsyncGenerator<Leaf> {
    if (isChunk(root)) {
      if (expectation.form !== 'bytes') throw invalid(root, 'stands where a tree is expected')
      yield { entry: { link: root, size: expectation.size! }, known: false }
      return
    }
    const ahead: Array<{ readonly cid: CID, readonly expectation: TreeExpectation, readonly known: boolean }> = [{ cid: root, expectation, known: false }]
    for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
      if (this.#leaveOut(next.cid, next.known)) continue
      const block = await this.#block(next.cid, next.expectation)
      if (next.cid === root) checkRoot(root, block)
      if (block.level === 0) yield * block.entries.map(entry => ({ entry, known: this.#options.known.has(entry, 0) }))
      else for (const entry of [...block.entries].reverse()) ahead.push({ cid: entry.link, expectation: expectedBelow(block, entry), known: this.#options.known.has(entry, block.level) })
    }
  }

  /** Subtrees that are known, and those that stood in this content before: it may be made of few of them, over and over. */
  #leaveOut (cid: CID, known: boolean): boolean {
    const again = this.#seen.has(cid.toString())
    this.#seen.add(cid.toString())
    const leftOut = again || (known && !(typeof this.#options.data === 'number' && this.#options.data > 0))
    if (leftOut) this.#complete = false
    return leftOut
  }

  async #block (cid: CID, expectation: TreeExpectation): Promise<ReturnType<typeof decodeTree>> {
    const { blobs, onBlob, signal } = this.#options
    signal?.throwIfAborted()
    const block = decodeTree(await readBlob(blobs, cid, { signal }), cid)
    onBlob()
    checkExpectation(block, cid, expectation)
    return block
  }

  async #read ({ entry, known }: Leaf): Promise<Leaf> {
    if (!await this.#isWanted({ entry, known })) return { entry, known }
    const { blobs, onBlob, signal } = this.#options
    const bytes = await readBlob(blobs, entry.link, { signal })
    onBlob()
    return { entry, known, bytes }
  }

  /** Whether a chunk is to be read. If not, it must be there. */
  async #isWanted ({ entry: { link }, known }: Leaf): Promise<boolean> {
    const { blobs, data, random } = this.#options
    if (data !== 'none' && (!known || random() < data)) return true
    this.#complete = false
    if (!await blobs.has(addressOf(link))) throw new BackupError('BLOB_MISSING', `blob ${addressOf(link)} (${link}) is in no pack`, { data: { cid: link.toString() } })
    return false
  }
}

/** Equal contents have equal roots only if there is no other way to write them. (format.md § Tree) */
function checkRoot (root: CID, { form, level, entries }: ReturnType<typeof decodeTree>): void {
  if (entries.length === 1 && (level > 0 || form === 'bytes')) throw invalid(root, 'is the root of a tree that has only one entry, which must be linked directly')
}

/** The bytes, if they are as many as the entry says. */
function checkLength (bytes: Uint8Array, entry: TreeEntry): Uint8Array {
  if (bytes.length !== entry.size) throw wrongLength(entry, bytes.length)
  return bytes
}

function wrongLength ({ link, size }: TreeEntry, length: number): BackupError {
  return invalid(link, `has ${length} bytes, where ${size} are expected`)
}

async function * batchesOf<T> (items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function invalid (cid: CID, why: string): BackupError {
  return new BackupError('TREE_INVALID', `${isChunk(cid) ? 'chunk' : 'tree'} ${cid} ${why}`, { data: { cid: cid.toString() } })
}
