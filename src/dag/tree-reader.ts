import type { AbortOptions } from '../stream.ts'
import type { CID } from './block.ts'
import { isChunk, readBlob } from './block.ts'
import type { TreeBlock, TreeEntry, TreeForm } from './tree.ts'
import { checkExpectation, expectedBelow } from './tree.ts'
import type { BlobSource } from './tree-memory.ts'
import { readTree } from './tree-memory.ts'

export type { BlobSource } from './tree-memory.ts'

export interface CursorOptions extends AbortOptions {
  /** What the tree must be; another form is an error. */
  readonly form?: TreeForm
}

export interface EntriesOptions extends CursorOptions {
  /**
   * Leaves out entries of any level whose whole subtree comes before what is wanted: called with the first key of the
   * following entry (of the same block), true when the entry can be left out.
   */
  readonly skipBefore?: ((nextKey: Uint8Array) => boolean) | undefined
  /** Only entries whose first row is one of these. */
  readonly within?: RowSpan | undefined
}

/** Rows by their numbers in a tree, counted from 0: `from` is the first of them, `to` the first behind them. */
export interface RowSpan {
  readonly from: number
  readonly to: number
}

/** A place in a tree: an entry, of whatever level, that has not been gone into. */
export interface TreePlace {
  readonly entry: TreeEntry
  /** 0: the entry links to a chunk or node; n: to a tree block of level n − 1. */
  readonly height: number
}

/**
 * Goes through a tree in order, going into subtrees or leaving them out as asked. `open` reads the root; after that only
 * `enter` reads.
 */
export class TreeCursor {
  readonly form: TreeForm
  readonly #blobs: BlobSource
  readonly #options: AbortOptions
  /** What is still to come, the next last. */
  readonly #ahead: TreePlace[] = []

  private constructor (form: TreeForm, blobs: BlobSource, options: AbortOptions) {
    this.form = form
    this.#blobs = blobs
    this.#options = options
  }

  /**
   * A cursor at the tree's first entry. A `raw` root is a `bytes` tree of one chunk.
   * @throws {BackupError} `TREE_INVALID`, `BLOCK_INVALID`, `BLOB_MISSING`; so do `enter` and `leaf`.
   */
  static async open (root: CID, blobs: BlobSource, options: CursorOptions = {}): Promise<TreeCursor> {
    const block = isChunk(root) ? await treeOfChunk(root, blobs, options) : await readTree(blobs, root, options)
    checkExpectation(block, root, { form: options.form ?? block.form })
    const cursor = new TreeCursor(block.form, blobs, options)
    cursor.#push(block)
    return cursor
  }

  /** Where the cursor is; undefined at the end. */
  get place (): TreePlace | undefined {
    return this.#ahead.at(-1)
  }

  /** First key after the current entry within what was read, if there is one. */
  get nextKey (): Uint8Array | undefined {
    return this.#ahead.at(-2)?.entry.key
  }

  /** True if nothing comes after the current entry. */
  get last (): boolean {
    return this.#ahead.length <= 1
  }

  /** Leaves the current entry out. */
  skip (): void {
    this.#ahead.pop()
  }

  /** Goes to the first entry of the current subtree. */
  async enter (): Promise<void> {
    this.#options.signal?.throwIfAborted()
    const { entry, height } = this.#ahead.pop()!
    const block = await readTree(this.#blobs, entry.link, this.#options)
    checkExpectation(block, entry.link, expectedBelow({ form: this.form, level: height }, entry))
    this.#push(block)
  }

  /** The current leaf after going down to it; undefined at the end. Call `skip` to go on. */
  async leaf (): Promise<TreeEntry | undefined> {
    while (this.place !== undefined && this.place.height > 0) await this.enter()
    return this.place?.entry
  }

  #push ({ entries, level }: TreeBlock): void {
    for (let i = entries.length - 1; i >= 0; i--) this.#ahead.push({ entry: entries[i]!, height: level })
  }
}

/** The entries of level 0 in order, read while one goes. */
export async function * readEntries (root: CID, blobs: BlobSource, options: EntriesOptions = {}): AsyncGenerator<TreeEntry> {
  const { skipBefore, within } = options
  const cursor = await TreeCursor.open(root, blobs, options)
  let row = 0
  for (let place = cursor.place; place !== undefined; place = cursor.place) {
    const { nextKey } = cursor, next = row + (place.entry.count ?? 0)
    if (within !== undefined && row >= within.to) return
    const isBefore = (within !== undefined && next <= within.from) || (skipBefore !== undefined && nextKey !== undefined && skipBefore(nextKey))
    if (!isBefore && place.height > 0) {
      await cursor.enter()
      continue
    }
    cursor.skip()
    row = next
    if (!isBefore) yield place.entry
  }
}

async function treeOfChunk (root: CID, blobs: BlobSource, options: AbortOptions): Promise<TreeBlock> {
  const { length: size } = await readBlob(blobs, root, options)
  return { form: 'bytes', level: 0, entries: [{ link: root, size }], size, count: 0 }
}
