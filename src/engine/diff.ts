import type { CID } from 'multiformats/cid'
import type { BlobReader } from '../cas/blob-store.ts'
import type { Repository } from '../cas/repository.ts'
import { diffNodes, diffRows as diffStoredRows } from '../dag/diff.ts'
import type { RowChange } from '../dag/diff.ts'
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
  readonly rows?: { readonly added: number, readonly removed: number, readonly changed: number }
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

/** The changed rows (or files) of one artifact, in key order. @throws {BackupError} `NODE_MISSING` when neither snapshot has it, `INVALID_OPTION` when it has no rows */
export async function * diffRows (repository: Repository, before: string, after: string, id: string, { signal }: AbortOptions = {}): AsyncGenerator<RowChange> {
  const views = await findBoth(repository, before, after)
  const reader = await repository.openReader({ snapshots: views.map(view => view.id) })
  try {
    const [older, newer] = await Promise.all(views.map(async view => await nodeOf(view, id, reader)))
    if (older === undefined && newer === undefined) throw new BackupError('NODE_MISSING', `neither snapshot has a node ${id}`, { data: { id } })
    if ((older ?? newer)?.content.form === 'bytes') throw new BackupError('INVALID_OPTION', `${id} is not made of rows`, { data: { id } })
    yield * diffStoredRows(older?.content, newer?.content, reader, { signal })
  } finally {
    await reader.close()
  }
}

async function findBoth (repository: Repository, before: string, after: string): Promise<[SnapshotView, SnapshotView]> {
  return [await findView(repository, before), await findView(repository, after)]
}

async function nodeOf (view: SnapshotView, id: string, blobs: BlobReader): Promise<NodeBlock | undefined> {
  const cid = await findNode(view.block.nodes, id, blobs)
  return cid === undefined ? undefined : await readNode(blobs, cid, id)
}

async function describe (blobs: BlobReader, { id, change, before, after }: { readonly id: string, readonly change: NodeChange['change'], readonly before?: CID | undefined, readonly after?: CID | undefined }, options: AbortOptions): Promise<NodeChange | undefined> {
  const older = before === undefined ? undefined : await readNode(blobs, before, id)
  const newer = after === undefined ? undefined : await readNode(blobs, after, id)
  const node = newer ?? older
  if (node === undefined) return undefined
  const rows = node.content.form === 'bytes' ? undefined : await countChanges(older, newer, blobs, options)
  return { id, artifact: node.artifact, change, ...(rows === undefined ? {} : { rows }), sizeBefore: older?.content.size ?? 0, sizeAfter: newer?.content.size ?? 0 }
}

async function countChanges (older: NodeBlock | undefined, newer: NodeBlock | undefined, blobs: BlobReader, options: AbortOptions): Promise<{ added: number, removed: number, changed: number }> {
  const counts = { added: 0, removed: 0, changed: 0 }
  for await (const { change } of diffStoredRows(older?.content, newer?.content, blobs, options)) counts[change]++
  return counts
}
