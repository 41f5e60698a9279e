import { createHash } from 'node:crypto'
import type { Address, BlobReader } from '../cas/blob-store.ts'
import type { CID } from '../dag/block.ts'
import { writeNodeMap } from '../dag/node-map.ts'
import { topologicalOrder } from '../dag/order.ts'
import type { SnapshotBlock } from '../dag/snapshot.ts'
import { encodeSnapshot } from '../dag/snapshot.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { SnapshotNodes } from './snapshot-nodes.ts'

/** Maps of partial snapshots are cut alike everywhere, so that equal choices give equal roots. */
const MAP_SEED = new Uint8Array(16)

export interface PartialSnapshot {
  readonly nodes: SnapshotNodes
  /** The given blobs, and the few blocks that the partial snapshot has of its own. */
  readonly blobs: Pick<BlobReader, 'get'>
}

/**
 * A snapshot of some nodes of another, its only parent: a whole snapshot in itself, so that an archive of it can be imported.
 * Equal choices from equal snapshots have equal roots and ids.
 * @throws {BackupError} `NODE_MISSING` for an id that the snapshot has not, `DEP_MISSING` for a chosen node whose dep is not chosen, `SELECTION_EMPTY`
 */
export async function partialSnapshot (
  { root, snapshot, nodes }: SnapshotNodes, selection: ReadonlySet<string>, blobs: Pick<BlobReader, 'get'>, options: AbortOptions = {},
): Promise<PartialSnapshot> {
  const chosen = nodes.filter(({ node }) => selection.has(node.id))
  checkChoice(selection, new Set(chosen.map(({ node }) => node.id)))
  topologicalOrder(chosen.map(({ node }) => node))
  const own = new OverlaidBlobs(blobs)
  const map = await writeNodeMap(chosen.map(({ node, cid }) => [node.id, cid] as const), { seed: MAP_SEED, blobs: own, ...options })
  const partial: SnapshotBlock = { ...snapshot, id: partialId(root, map), nodes: map, parents: [root] }
  const block = encodeSnapshot(partial)
  await own.put(block.bytes)
  return { nodes: { root: block.cid, snapshot: partial, nodes: chosen }, blobs: own }
}

function partialId (root: CID, map: CID): string {
  return createHash('sha256').update(root.bytes).update(map.bytes).digest('hex').slice(0, 32)
}

function checkChoice (selection: ReadonlySet<string>, found: ReadonlySet<string>): void {
  if (selection.size === 0) throw new BackupError('SELECTION_EMPTY', 'no node is chosen: an archive needs at least one')
  const missing = [...selection].filter(id => !found.has(id))
  if (missing.length > 0) throw new BackupError('NODE_MISSING', `the snapshot has no node ${missing.join(', ')}`, { data: { ids: missing } })
}

/** Blobs with some more in memory. */
class OverlaidBlobs {
  readonly #own = new Map<Address, Uint8Array>()
  readonly #below: Pick<BlobReader, 'get'>

  constructor (below: Pick<BlobReader, 'get'>) {
    this.#below = below
  }

  async get (address: Address, options?: AbortOptions): Promise<Uint8Array | undefined> {
    return this.#own.get(address) ?? await this.#below.get(address, options)
  }

  async put (bytes: Uint8Array): Promise<{ address: Address, stored: 'new', storedBytes: number }> {
    const address = createHash('sha256').update(bytes).digest('hex')
    this.#own.set(address, bytes)
    return { address, stored: 'new', storedBytes: 0 }
  }
}
