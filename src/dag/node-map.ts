import { BackupError } from '../errors.ts'
import type { BlobWriter } from '../cas/blob-store.ts'
import type { AbortOptions } from '../stream.ts'
import type { CID } from './block.ts'
import { compareIds } from './id-order.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource } from './tree-reader.ts'
import { readEntries } from './tree-reader.ts'
import { writeTree } from './tree-writer.ts'

export { compareIds }

export interface NodeMapOptions extends AbortOptions {
  /** The repository's 16 bytes. */
  readonly seed: Uint8Array
  readonly blobs: Pick<BlobWriter, 'put'>
}

/**
 * Writes the `map` tree of a snapshot's nodes, given in ascending order of their ids; returns its root.
 * @throws {BackupError} `NODE_DUPLICATE` for an id that is there twice, `NODE_INVALID` when they do not ascend.
 */
export async function writeNodeMap (nodes: AsyncIterable<readonly [id: string, cid: CID]> | Iterable<readonly [id: string, cid: CID]>, { seed, blobs, signal }: NodeMapOptions): Promise<CID> {
  const { root } = await writeTree(mapEntries(nodes), { form: 'map', seed, blobs, signal })
  return root
}

async function * mapEntries (nodes: AsyncIterable<readonly [string, CID]> | Iterable<readonly [string, CID]>): AsyncGenerator<TreeEntry> {
  let last: string | undefined
  for await (const [id, link] of nodes) {
    const order = last === undefined ? -1 : compareIds(last, id)
    if (order === 0) throw new BackupError('NODE_DUPLICATE', `node ${id} is there twice`, { data: { id } })
    if (order > 0) throw new BackupError('NODE_INVALID', `node ${id} comes after ${last}: ids must ascend`, { data: { id } })
    last = id
    yield { link, size: 0, count: 1, key: Buffer.from(id) }
  }
}

/** The nodes of a map in ascending order of their ids. */
export async function * readNodeMap (root: CID, blobs: BlobSource, options: AbortOptions = {}): AsyncGenerator<{ readonly id: string, readonly cid: CID }> {
  for await (const { key, link } of readEntries(root, blobs, { ...options, form: 'map' })) yield { id: Buffer.from(key!).toString('utf8'), cid: link }
}

/** Where the node `id` is; undefined when the map has none. Reads one path of the tree. */
export async function findNode (root: CID, id: string, blobs: BlobSource, options: AbortOptions = {}): Promise<CID | undefined> {
  const wanted = Buffer.from(id)
  const skipBefore = (nextKey: Uint8Array): boolean => Buffer.compare(nextKey, wanted) <= 0
  for await (const { key, link } of readEntries(root, blobs, { ...options, form: 'map', skipBefore })) return wanted.equals(key!) ? link : undefined
  return undefined
}
