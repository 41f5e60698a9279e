import { isBackupError } from '../errors.ts'
import type { CID } from './block.ts'
import type { BlobSource } from './tree-reader.ts'
import { TreeCursor } from './tree-reader.ts'

/**
 * An earlier version of a content, asked in ascending order for what stood at a place, to be the base of what stands
 * there now. It only saves space: when it is damaged there are no more bases, and the new version is stored all the same.
 */
export abstract class Previous {
  readonly #root: CID
  protected readonly blobs: BlobSource
  #cursor: TreeCursor | undefined
  #gone = false

  constructor (root: CID, blobs: BlobSource) {
    this.#root = root
    this.blobs = blobs
  }

  protected async search<T> (find: (cursor: TreeCursor) => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#gone) return undefined
    try {
      return await find(this.#cursor ??= await TreeCursor.open(this.#root, this.blobs))
    } catch (error) {
      if (!isUnusable(error)) throw error
      this.#gone = true
      return undefined
    }
  }
}

/** True if the error says that an earlier version is of no use: damage, or keys (labels of an enum) that have no place in the new order. */
export function isUnusable (error: unknown): boolean {
  return isBackupError(error, ...UNUSABLE)
}

const UNUSABLE = ['BLOB_MISSING', 'BLOB_CORRUPT', 'PACK_CORRUPT', 'BLOCK_INVALID', 'TREE_INVALID', 'FORMAT_UNKNOWN', 'NODE_INVALID'] as const
