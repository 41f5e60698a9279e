import type { BlobReader } from '../cas/blob-store.ts'
import type { CID } from '../dag/block.ts'
import { readBlob } from '../dag/block.ts'
import type { NodeBlock } from '../dag/node.ts'
import { decodeNode } from '../dag/node.ts'
import { readNodeMap } from '../dag/node-map.ts'
import type { SnapshotBlock } from '../dag/snapshot.ts'
import { decodeSnapshot } from '../dag/snapshot.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'

/** A snapshot with all its nodes in the order of their ids: some kilobytes a node, whatever their contents' size. */
export interface SnapshotNodes {
  readonly root: CID
  readonly snapshot: SnapshotBlock
  readonly nodes: readonly LinkedNode[]
}

export interface LinkedNode {
  readonly cid: CID
  readonly node: NodeBlock
}

/** @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`, `FORMAT_UNKNOWN` */
export async function loadSnapshot (root: CID, blobs: Pick<BlobReader, 'get'>, options: AbortOptions = {}): Promise<SnapshotNodes> {
  const snapshot = decodeSnapshot(await readBlob(blobs, root, options), root)
  const nodes: LinkedNode[] = []
  for await (const { id, cid } of readNodeMap(snapshot.nodes, blobs, options)) {
    const node = decodeNode(await readBlob(blobs, cid, options), cid)
    if (node.id !== id) throw new BackupError('BLOCK_INVALID', `the map of nodes has ${node.id} in the place of ${id}`, { data: { id, cid: cid.toString() } })
    nodes.push({ cid, node })
  }
  return { root, snapshot, nodes }
}
