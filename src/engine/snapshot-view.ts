import type { BlobReader } from '../cas/blob-store.ts'
import type { CommittedSnapshot, Repository } from '../cas/repository.ts'
import type { CID } from '../dag/block.ts'
import { addressOf, parseCid } from '../dag/block.ts'
import { decodeNode } from '../dag/node.ts'
import type { NodeBlock } from '../dag/node.ts'
import { readNodeMap } from '../dag/node-map.ts'
import { decodeSnapshot } from '../dag/snapshot.ts'
import type { SnapshotBlock } from '../dag/snapshot.ts'
import { BackupError, isBackupError } from '../errors.ts'
import { isDamage } from './damage.ts'

/** A visible snapshot: its commit record and its root block. */
export interface SnapshotView {
  readonly id: string
  readonly root: CID
  readonly project: string
  readonly timestamp: Date
  readonly consensus: boolean
  readonly validatedBy: readonly string[]
  /** What the validators said, and the proof that it stands in the log. */
  readonly statements: readonly unknown[]
  readonly block: SnapshotBlock
}

export interface ListViewsOptions {
  /** Called for a snapshot whose root block or commit record is lost, which is then left out. @default throws */
  readonly onBroken?: (id: string, error: BackupError) => void
}

/** Every visible snapshot, oldest first. @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT` naming the snapshot whose root block is lost; `RECORD_CORRUPT` */
export async function listViews (repository: Repository, { onBroken }: ListViewsOptions = {}): Promise<SnapshotView[]> {
  const { views, broken, unknown } = await readViews(repository)
  for (const { id, error } of [...broken, ...unknown]) {
    if (onBroken === undefined || error.code === 'INDEX_CORRUPT') throw error // what a damaged segment hides is not lost: repair first
    onBroken(id, error)
  }
  return views
}

/** A visible snapshot whose root block is lost, or hidden by a damaged index segment. */
export interface BrokenSnapshot {
  readonly id: string
  readonly root: CID
  /** The line of snapshots it was put into, if its commit record says so. */
  readonly project: string | undefined
  /** When it became visible. */
  readonly timestamp: Date
  readonly error: BackupError
}

export interface SnapshotViews {
  /** Oldest first. */
  readonly views: SnapshotView[]
  readonly broken: readonly BrokenSnapshot[]
  /** Sessions of which the outcome is damaged, so that nobody knows whether they were snapshots. */
  readonly unknown: ReadonlyArray<{ readonly id: string, readonly error: BackupError }>
}

/**
 * True if the snapshot is of a session of this repository. An imported one names the session it was made in elsewhere, and what it says of servers is for
 * anybody to write: it must not choose what is read.
 */
export function wasMadeHere ({ id, block }: Pick<SnapshotView, 'id' | 'block'>): boolean {
  return block.id === id
}

/** The visible snapshots, those that can be opened and those that cannot. */
export async function readViews (repository: Repository): Promise<SnapshotViews> {
  const views: SnapshotView[] = []
  const broken: BrokenSnapshot[] = []
  const unknown: Array<{ id: string, error: BackupError }> = []
  for (const commit of await repository.visible({ onDamaged: (id, error) => { unknown.push({ id, error }) } })) {
    const root = rootOf(commit)
    if (root instanceof BackupError) {
      unknown.push({ id: commit.id, error: root })
      continue
    }
    try {
      views.push(await viewOf(repository, commit, root))
    } catch (error) {
      if (!isDamage(error) && !isBackupError(error, 'INDEX_CORRUPT')) throw error
      broken.push({ id: commit.id, root, project: commit.project, timestamp: new Date(commit.time), error })
    }
  }
  views.sort((a, b) => a.timestamp.getTime() - b.timestamp.getTime() || (a.id < b.id ? -1 : 1))
  return { views, broken, unknown }
}

function rootOf ({ id, root }: CommittedSnapshot): CID | BackupError {
  try {
    return parseCid(root, `the commit of snapshot ${id}`)
  } catch (error) {
    if (isDamage(error)) return error
    throw error
  }
}

async function viewOf (repository: Repository, { id, project, consensus, validatedBy, statements }: CommittedSnapshot, root: CID): Promise<SnapshotView> {
  const block = decodeSnapshot(await readBlock(repository, root, `snapshot ${id}`), root)
  return { id, root, project: project ?? block.project, timestamp: new Date(block.created), consensus, validatedBy, statements, block }
}

/** The newest intact snapshot of a project: a damaged one must not stop new ones. */
export async function newestView (repository: Repository, project: string): Promise<SnapshotView | undefined> {
  return (await listViews(repository, { onBroken: () => undefined })).filter(view => view.project === project).at(-1)
}

/**
 * The snapshot that `reference` names, of those whose root block can be read: an id, a unique beginning of one (4 characters at least), a root CID, `<project>/latest`, or `latest`: the
 * newest of all, but for what restores have replaced.
 * @throws {BackupError} `SNAPSHOT_MISSING`, `SNAPSHOT_AMBIGUOUS`
 */
export async function findView (repository: Repository, reference: string): Promise<SnapshotView> {
  const broken = new Map<string, BackupError>()
  const views = await listViews(repository, { onBroken: (id, error) => { broken.set(id, error) } })
  const found = views.filter(view => names(view, reference))
  const latest = /^(?:(.+)\/)?latest$/.exec(reference)
  const ofProject = latest === null ? [] : views.filter(view => latest[1] === undefined ? !view.project.endsWith(HISTORY) : view.project === latest[1])
  const view = latest === null ? found.at(-1) : ofProject.at(-1)
  if (view === undefined) {
    for (const [id, error] of broken) if (reference.length >= 4 && id.startsWith(reference)) throw error
    throw new BackupError('SNAPSHOT_MISSING', `there is no snapshot ${reference} in ${repository.backend.location}; \`caf snapshots\` lists those there are`, { data: { reference } })
  }
  if (found.length > 1 && !found.every(other => other.root.equals(view.root))) {
    throw new BackupError('SNAPSHOT_AMBIGUOUS', `${reference} is the beginning of ${found.length} snapshot ids; give more of it`, { data: { reference, ids: found.map(one => one.id) } })
  }
  return view
}

function names (view: SnapshotView, reference: string): boolean {
  return view.root.toString() === reference || (reference.length >= 4 && view.id.startsWith(reference))
}

const HISTORY = '.before-restore'

/** The line of snapshots that holds what restores of `project` have replaced. */
export function historyOf (project: string): string {
  return project + HISTORY
}

export interface NodeView {
  readonly cid: CID
  readonly node: NodeBlock
}

/** The nodes of a snapshot in the order of their ids. */
export async function * readNodes (view: Pick<SnapshotView, 'block'>, blobs: BlobReader): AsyncGenerator<NodeView> {
  for await (const { id, cid } of readNodeMap(view.block.nodes, blobs)) {
    yield { cid, node: await readNode(blobs, cid, id) }
  }
}

/** @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID` */
export async function readNode (blobs: BlobReader, cid: CID, id: string): Promise<NodeBlock> {
  return decodeNode(await readBlock(blobs, cid, `node ${id}`), cid)
}

/** All nodes of a snapshot by id: some kilobytes a node, whatever their contents' size. */
export async function loadNodes (view: Pick<SnapshotView, 'block'>, blobs: BlobReader): Promise<Map<string, NodeView>> {
  const nodes = new Map<string, NodeView>()
  for await (const found of readNodes(view, blobs)) nodes.set(found.node.id, found)
  return nodes
}

async function readBlock (blobs: Pick<BlobReader, 'get'>, cid: CID, what: string): Promise<Uint8Array> {
  const bytes = await blobs.get(addressOf(cid))
  if (bytes === undefined) throw new BackupError('BLOB_MISSING', `the block of ${what} is in no pack; run \`caf verify\``, { data: { cid: cid.toString(), what } })
  return bytes
}
