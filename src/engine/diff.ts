import type { CID } from 'multiformats/cid'
import type { BlobReader } from '../cas/blob-store.ts'
import type { Repository } from '../cas/repository.ts'
import { countRowChanges, diffNodes, diffRows as diffStoredRows } from '../dag/diff.ts'
import type { RowChange, RowChangeCounts } from '../dag/diff.ts'
import type { StoredContent, StoredRows } from '../dag/content.ts'
import { findNode } from '../dag/node-map.ts'
import type { NodeBlock } from '../dag/node.ts'
import { BackupError } from '../errors.ts'
import type { ArtifactKind } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import { findView, readNode } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

export interface NodeChange {
  readonly id: string
  readonly artifact: ArtifactKind
  readonly change: 'added' | 'removed' | 'changed'
  /** Rows or files that came, went and changed; undefined for artifacts that have none. */
  readonly rows?: RowChangeCounts
  /** Plain bytes before and after. */
  readonly sizeBefore: number
  readonly sizeAfter: number
}

/** What differs between two snapshots, in the order of ids; reads only what differs. @throws {BackupError} `SNAPSHOT_MISSING`, `SNAPSHOT_AMBIGUOUS` */
export async function * diffSnapshots (repository: Repository, before: string, after: string, { signal }: AbortOptions = {}): AsyncGenerator<NodeChange> {
  const views = await findBoth(repository, before, after)
  const reader = await repository.openReader({ snapshots: views.map(({ id }) => id) })
  try {
    const [older, newer] = views
    for await (const change of diffNodes(older.block.nodes, newer.block.nodes, reader)) {
      signal?.throwIfAborted()
      const described = await describe(reader, change, { signal })
      if (described !== undefined) yield described
    }
  } finally {
    await reader.close()
  }
}

/**
 * The changed rows (or files) of one artifact that both snapshots have, in key order.
 * @throws {BackupError} `NODE_MISSING`; `INVALID_OPTION` when it has no rows, or other columns or another key in the second snapshot
 */
export async function * diffRows (repository: Repository, before: string, after: string, id: string, { signal }: AbortOptions = {}): AsyncGenerator<RowChange> {
  const [older, newer] = await findBoth(repository, before, after)
  const reader = await repository.openReader({ snapshots: [older.id, newer.id] })
  try {
    const left = rowsOf(await nodeOf(older, id, reader))
    const right = rowsOf(await nodeOf(newer, id, reader))
    if (!comparable(left, right)) throw new BackupError('INVALID_OPTION', `${id} has other columns in the second snapshot: its rows cannot be compared one by one`, { data: { id } })
    yield * diffStoredRows(left, right, reader, { signal })
  } finally {
    await reader.close()
  }
}

async function findBoth (repository: Repository, before: string, after: string): Promise<[SnapshotView, SnapshotView]> {
  return [await findView(repository, before), await findView(repository, after)]
}

async function nodeOf (view: SnapshotView, id: string, blobs: BlobReader): Promise<NodeBlock> {
  const cid = await findNode(view.block.nodes, id, blobs)
  if (cid === undefined) throw new BackupError('NODE_MISSING', `snapshot ${view.id} has no node ${id}`, { data: { id, snapshot: view.id } })
  return await readNode(blobs, cid, id)
}

function rowsOf ({ id, content }: NodeBlock): StoredRows {
  if (content.form === 'bytes') throw new BackupError('INVALID_OPTION', `${id} is not made of rows`, { data: { id } })
  return content
}

interface MapChange {
  readonly id: string
  readonly change: NodeChange['change']
  readonly before?: CID
  readonly after?: CID
}

async function describe (blobs: BlobReader, { id, change, before, after }: MapChange, options: AbortOptions): Promise<NodeChange | undefined> {
  const older = before === undefined ? undefined : await readNode(blobs, before, id)
  const newer = after === undefined ? undefined : await readNode(blobs, after, id)
  const node = newer ?? older
  if (node === undefined || isOnlyRemade(older, newer)) return undefined
  const rows = await countChanges(older?.content, newer?.content, blobs, options)
  return { id, artifact: node.artifact, change, ...(rows === undefined ? {} : { rows }), sizeBefore: older?.content.size ?? 0, sizeAfter: newer?.content.size ?? 0 }
}

/** True if the artifact is as it was and only what it depends on has changed: an index is no other when its table has new rows. */
function isOnlyRemade (older: NodeBlock | undefined, newer: NodeBlock | undefined): boolean {
  if (older === undefined || newer === undefined) return false
  const identity = ({ artifact, attributes, deps, hash, recipe }: NodeBlock): string => JSON.stringify([artifact, attributes, deps, hash, recipe])
  return identity(older) === identity(newer)
}

/** Tables whose columns changed count as emptied and filled again. */
async function countChanges (older: StoredContent | undefined, newer: StoredContent | undefined, blobs: BlobReader, options: AbortOptions): Promise<RowChangeCounts | undefined> {
  if ((newer ?? older)?.form === 'bytes') return undefined
  if (older !== undefined && newer !== undefined && older.form !== 'bytes' && newer.form !== 'bytes' && comparable(older, newer)) {
    return await countRowChanges(older, newer, blobs, options)
  }
  return { added: newer?.count ?? 0, removed: older?.count ?? 0, changed: 0 }
}

function comparable (a: StoredRows, b: StoredRows): boolean {
  return JSON.stringify([a.columns, a.key]) === JSON.stringify([b.columns, b.key])
}
