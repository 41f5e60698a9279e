import type { BlobReader } from '../cas/blob-store.ts'
import type { AbortOptions } from '../stream.ts'
import type { CID } from './block.ts'
import { readBlob } from './block.ts'
import type { TreeBlock } from './tree.ts'
import { decodeTree } from './tree.ts'

/** A block whose rows have many values out of line takes some MB. */
const MOST = 3

/** Blobs as far as reading needs them; perhaps with a memory for blocks of trees. */
export type BlobSource = Pick<BlobReader, 'get'> & Partial<Pick<TreeMemory, 'tree'>>

/** Blobs of which the last few blocks of trees stay decoded: several go through one tree at about the same place. */
export class TreeMemory {
  readonly #blobs: Pick<BlobReader, 'get'>
  /** By their CIDs, the one read longest ago first. */
  readonly #recent = new Map<string, TreeBlock>()

  constructor (blobs: Pick<BlobReader, 'get'>) {
    this.#blobs = blobs
  }

  async get (...[address, options]: Parameters<BlobReader['get']>): ReturnType<BlobReader['get']> {
    return await this.#blobs.get(address, options)
  }

  /** As {@link readTree}. */
  async tree (cid: CID, options: AbortOptions = {}): Promise<TreeBlock> {
    const name = cid.toString()
    const known = this.#recent.get(name)
    if (known !== undefined) return known
    const block = await readTree(this.#blobs, cid, options)
    this.#recent.set(name, block)
    const [oldest] = this.#recent.keys()
    if (oldest !== undefined && this.#recent.size > MOST) this.#recent.delete(oldest)
    return block
  }
}

/** The block of a tree. @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID` */
export async function readTree (blobs: BlobSource, cid: CID, options: AbortOptions = {}): Promise<TreeBlock> {
  return await blobs.tree?.(cid, options) ?? decodeTree(await readBlob(blobs, cid, options), cid)
}
