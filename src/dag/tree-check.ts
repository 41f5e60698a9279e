import type { Address } from '../cas/blob-store.ts'
import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { addressOf, isChunk, readBlob } from './block.ts'
import type { CID } from './block.ts'
import type { TreeBlock, TreeEntry, TreeExpectation } from './tree.ts'
import { checkExpectation, decodeTree, expectedBelow } from './tree.ts'
import type { BlobSource } from './tree-reader.ts'

/** Where in a tree something stands. */
export interface Span {
  /** Plain bytes before it. */
  readonly offset: number
  /** Plain bytes of it; undefined for a single chunk that is linked directly. */
  readonly size?: number | undefined
  /** Rows or nodes before it. */
  readonly before: number
  /** Rows or nodes of it. */
  readonly count: number
  /** The first key of it, and the first one after it, if there are. */
  readonly key?: Uint8Array | undefined
  readonly nextKey?: Uint8Array | undefined
}

/** A chunk that is lost, or a block of the tree and with it all that stands below. */
export interface Loss {
  readonly address: Address
  readonly span: Span
  /** Why a block cannot be read; unset for chunks, which are not read. */
  readonly error?: BackupError
  /** Set when it is part of a value out of line; `span` is then that of the chunk of rows. */
  readonly value?: {
    /** What the rows refer to. */
    readonly root: CID
    /** Where in the value. */
    readonly span: Span
    /** The chunk of the rows. */
    readonly chunk: CID
  }
}

export interface TreeCheckOptions extends AbortOptions {
  readonly blobs: BlobSource
  /** True if the blob is missing or known to be damaged. */
  readonly isLost: (address: Address) => boolean
}

const WHOLE: Span = { offset: 0, before: 0, count: 0 }
/** What a block that cannot be used is reported with; anything else ends the check. */
const DAMAGE = ['BLOB_MISSING', 'BLOB_CORRUPT', 'PACK_CORRUPT', 'INDEX_CORRUPT', 'BLOCK_INVALID', 'TREE_INVALID', 'FORMAT_UNKNOWN'] as const

/**
 * Finds what is lost of trees, and where that stands. Reads every block once, however many trees share it, and no chunk: remembers
 * the blocks below which all is intact.
 */
export class TreeCheck {
  readonly #options: TreeCheckOptions
  readonly #intact = new Map<Address, TreeBlock>()

  constructor (options: TreeCheckOptions) {
    this.#options = options
  }

  /** What is lost of a content, in its order, blocks for what is below them; returns true if nothing is. */
  async * losses (root: CID, expected: TreeExpectation): AsyncGenerator<Loss, boolean> {
    const span = { ...WHOLE, size: expected.size, count: expected.count ?? 0 }
    if (isChunk(root) && expected.form === 'bytes') return yield * this.#chunk(root, span)
    return yield * this.#tree(root, expected, span)
  }

  /** The nodes of a map, in order, with `onNode`; and what is lost of the map itself. */
  async * nodes (root: CID, onNode: (id: string, cid: CID) => void): AsyncGenerator<Loss, boolean> {
    return yield * this.#tree(root, { form: 'map' }, WHOLE, ({ key, link }) => { onNode(Buffer.from(key!).toString('utf8'), link) })
  }

  async * #tree (cid: CID, expected: TreeExpectation, span: Span, onNode?: (entry: TreeEntry) => void): AsyncGenerator<Loss, boolean> {
    this.#options.signal?.throwIfAborted()
    const address = addressOf(cid)
    const known = this.#intact.get(address)
    const block = await this.#open(cid, expected, known)
    if (block instanceof BackupError) {
      yield { address, span, error: block }
      return false
    }
    if (known !== undefined) return true
    let intact = true
    for (const [entry, below] of spansOf(block, span)) {
      if (block.level > 0) intact = (yield * this.#tree(entry.link, expectedBelow(block, entry), below, onNode)) && intact
      else if (onNode !== undefined) onNode(entry)
      else intact = (yield * this.#leaf(entry, below)) && intact
    }
    if (intact && onNode === undefined) this.#intact.set(address, summaryOf(block))
    return intact
  }

  async * #leaf (entry: TreeEntry, span: Span): AsyncGenerator<Loss, boolean> {
    if (!(yield * this.#chunk(entry.link, span))) return false
    let intact = true
    for await (const loss of this.#values(entry)) {
      intact = false
      yield { ...loss, span }
    }
    return intact
  }

  * #chunk (cid: CID, span: Span): Generator<Loss, boolean> {
    const address = addressOf(cid)
    if (!this.#options.isLost(address)) return true
    yield { address, span }
    return false
  }

  /** What is lost of the values that a chunk of rows refers to. */
  async * #values ({ link, refs = [] }: TreeEntry): AsyncGenerator<Loss> {
    for (const root of refs) {
      for await (const { address, span, error } of this.losses(root, { form: 'bytes' })) {
        yield { address, span, value: { root, span, chunk: link }, ...(error === undefined ? {} : { error }) }
      }
    }
  }

  async #open (cid: CID, expected: TreeExpectation, known: TreeBlock | undefined): Promise<TreeBlock | BackupError> {
    try {
      const block = known ?? decodeTree(await this.#read(cid), cid)
      checkExpectation(block, cid, expected)
      return block
    } catch (error) {
      if (isBackupError(error, ...DAMAGE)) return error
      throw error
    }
  }

  async #read (cid: CID): Promise<Uint8Array> {
    const address = addressOf(cid)
    const { blobs, isLost, signal } = this.#options
    if (isLost(address)) throw new BackupError('BLOB_MISSING', `blob ${address} (${cid}) is missing or damaged`, { data: { address, cid: cid.toString() } })
    return await readBlob(blobs, cid, { signal })
  }
}

/** The entries of a block that stands at `span`, each with its own. */
function * spansOf ({ entries }: Pick<TreeBlock, 'entries'>, { offset, before, nextKey }: Span): Generator<readonly [TreeEntry, Span]> {
  let at = { offset, before }
  for (const [index, entry] of entries.entries()) {
    const { size, count = 0, key } = entry
    yield [entry, { ...at, size, count, key, nextKey: entries[index + 1]?.key ?? nextKey }]
    at = { offset: at.offset + size, before: at.before + count }
  }
}

/** As much of the block as a link to it must agree with; a copy of the key, so as not to keep the whole block. */
function summaryOf ({ form, level, size, count, entries: [first] }: TreeBlock): TreeBlock {
  return { form, level, size, count, entries: first === undefined ? [] : [{ link: first.link, size: 0, key: first.key && Buffer.from(first.key) }] }
}
