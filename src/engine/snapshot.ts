import { randomUUID } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { BackupError, isBackupError } from '../errors.ts'
import { isDamage } from './damage.ts'
import type { Repository, WriterSession } from '../cas/repository.ts'
import type { NodeBlock } from '../dag/node.ts'
import { findNode } from '../dag/node-map.ts'
import { encodeSnapshot } from '../dag/snapshot.ts'
import type { Source } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import { captureAll } from './capture.ts'
import type { NamedSummary } from './capture.ts'
import { abandonSnapshot, commitSnapshot } from './commit-snapshot.ts'
import type { Electorate } from './electorate.ts'
import type { BackupEmitter } from './events.ts'
import { GENERATOR } from './generator.ts'
import { writeGraph } from './graph.ts'
import type { Graph } from './graph.ts'
import { openLedger } from './ledger.ts'
import { recallLast, rememberLast } from './last-snapshot.ts'
import type { OnProgress } from './progress.ts'
import { RememberedFiles } from './remembered-files.ts'
import type { RememberedFilesOptions } from './remembered-files.ts'
import { newestView, readNode, wasMadeHere } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'
import { inSpan } from './span.ts'

/** The line of snapshots of who names none. */
export const DEFAULT_PROJECT = 'default'

export interface SnapshotRequest extends Electorate, AbortOptions {
  readonly sources: readonly Source[]
  readonly description: string
  readonly tags?: readonly string[] | undefined
  /**
   * The line of snapshots that this one continues.
   * @default 'default'
   */
  readonly project?: string | undefined
  /** The snapshot to be compared with when the project has none yet. */
  readonly relative?: SnapshotView | undefined
  /** @default a random UUID */
  readonly traceId?: string | undefined
  /**
   * Artifacts read at once.
   * @default 4
   */
  readonly concurrency?: number | undefined
  /** Folder outside of the repository, in which this host remembers the state of files to leave unread what did not change. @default every file is read */
  readonly memoryFolder?: string | undefined
  /** Everything is read, as if nothing were known of it. @default false */
  readonly fullRead?: boolean | undefined
  readonly events?: BackupEmitter | undefined
  readonly onProgress?: OnProgress | undefined
  /** @default the system's */
  readonly now?: (() => Date) | undefined
}

export interface CreatedSnapshot {
  readonly id: string
  readonly root: CID
  readonly nodes: number
  readonly unchangedNodes: number
  /** Plain bytes of all artifacts. */
  readonly sizeBytes: number
  /** Bytes that the repository grew by in packs. */
  readonly storedBytes: number
  readonly durationMs: number
  readonly summaries: readonly NamedSummary[]
  readonly validatedBy: readonly string[]
}

/**
 * Captures `sources` as one snapshot. It becomes visible at the end, at once and durably, or not at all. Without a key nothing of
 * earlier ones is read: all contents are captured and cut as if they were new.
 * @throws {BackupError} what a source or the storage reports; `DAG_CYCLE`, `DEP_MISSING`, `NODE_DUPLICATE`; `QUORUM_NOT_REACHED`; `SESSION_REVOKED`
 */
export async function createSnapshot (repository: Repository, request: SnapshotRequest): Promise<CreatedSnapshot> {
  const { traceId = randomUUID() } = request
  return await inSpan('caf.snapshot', { 'caf.trace_id': traceId }, async span => {
    const created = await capturedSnapshot(repository, { ...request, traceId })
    const { id, sizeBytes, storedBytes } = created
    span.setAttributes({ 'caf.snapshot.id': id, 'caf.bytes': sizeBytes, 'caf.bytes.stored': storedBytes })
    return created
  })
}

async function capturedSnapshot (repository: Repository, request: TracedRequest): Promise<CreatedSnapshot> {
  const { now = () => new Date(), traceId, project = DEFAULT_PROJECT, events, signal } = request
  checkRequest(request)
  const started = performance.now()
  const ledger = await openLedger(repository, { traceId, signal })
  await ledger?.closeOpen({ signal })
  const parent = repository.isWriteOnly ? undefined : await newestView(repository, project) ?? request.relative
  const link = parent ?? (repository.isWriteOnly ? await recallLast(repository, project) : undefined)
  const writer = await repository.openWriter({ parents: link === undefined ? [] : [link.id], signal: request.signal })
  const memories = memoriesOf(repository, { ...request, project, writer, beginMs: now().getTime() })
  try {
    const { graph, summaries } = await capture(repository, writer, { ...request, memories }, parent)
    const parents = link === undefined ? [] : [link.root]
    const root = await writeRoot(writer, graph, { ...request, project, created: now(), summaries, parents })
    const agreement = await commitSnapshot(repository, writer, { ...request, root, project, parents, ledger })
    await rememberLast(repository, project, { id: writer.id, root })
    await memories?.keep()
    const counts = { nodes: graph.count, sizeBytes: graph.sizeBytes, storedBytes: writer.counters.storedBytes, durationMs: Math.round(performance.now() - started) }
    events?.emit('backup.snapshot.created', { snapshotId: writer.id, root: root.toString(), traceId, ...counts })
    return { id: writer.id, root, unchangedNodes: graph.unchanged, ...counts, summaries, validatedBy: agreement.validatedBy }
  } catch (error) {
    await writer.discard().catch(() => undefined) // the first failure is the one to tell
    await abandonSnapshot(ledger)
    if (isBackupError(error, 'QUORUM_NOT_REACHED', 'DAG_CYCLE', 'DEP_MISSING', 'NODE_DUPLICATE')) {
      events?.emit('backup.validation.failed', { traceId, durationMs: Math.round(performance.now() - started), code: error.code, errors: [error.message] })
    }
    throw error
  } finally {
    await memories?.close()
  }
}

function memoriesOf ({ config, isWriteOnly }: Repository, { memoryFolder, ...options }: Pick<SnapshotRequest, 'memoryFolder' | 'fullRead'> & Pick<RememberedFilesOptions, 'project' | 'writer' | 'beginMs'>): RememberedFiles | undefined {
  if (memoryFolder === undefined || isWriteOnly) return undefined // without a key nothing of earlier snapshots can be built on
  const { fullRead, project, writer, beginMs } = options
  return new RememberedFiles({ fullRead, project, writer, beginMs, folder: memoryFolder, repository: config.id })
}

function checkRequest ({ sources, description, tags = [] }: SnapshotRequest): void {
  const names = sources.map(source => source.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new BackupError('INVALID_OPTION', `two sources have the name ${twice}; give one of them another`, { data: { name: twice } })
  if (Buffer.byteLength(description) > 65_536) throw new BackupError('INVALID_OPTION', 'the description is longer than 64 KiB')
  if (tags.some(tag => tag === '' || tag.length > 256)) throw new BackupError('INVALID_OPTION', 'a tag must have 1 to 256 characters')
}

interface TracedRequest extends SnapshotRequest {
  readonly traceId: string
}

async function capture (repository: Repository, writer: WriterSession, request: TracedRequest & { readonly memories: RememberedFiles | undefined }, parent: SnapshotView | undefined): Promise<{ graph: Graph, summaries: NamedSummary[] }> {
  const { seed, chunker } = repository.config
  const previous = previousNodes(writer, parent)
  const { artifacts, summaries } = await captureAll(request.sources, {
    blobs: writer, seed, chunker, concurrency: request.concurrency ?? 4, signal: request.signal, onProgress: request.onProgress, memories: request.memories,
    previous: async id => (await previous(id))?.node,
    previousCapture: name => request.fullRead === true || parent === undefined || !wasMadeHere(parent) ? undefined : parent.block.sources.find(source => source.name === name),
  })
  return { graph: await writeGraph(artifacts, { blobs: writer, seed, traceId: request.traceId, description: request.description, previous }), summaries }
}

/** Looks nodes up in the parent; a parent that is damaged there is treated as having no such node, so that a new snapshot heals the line. */
function previousNodes (blobs: WriterSession, parent: SnapshotView | undefined): (id: string) => Promise<{ cid: CID, node: NodeBlock } | undefined> {
  return async id => {
    if (parent === undefined) return undefined
    try {
      const cid = await findNode(parent.block.nodes, id, blobs)
      return cid === undefined ? undefined : { cid, node: await readNode(blobs, cid, id) }
    } catch (error) {
      if (isDamage(error)) return undefined
      throw error
    }
  }
}

interface RootFacts extends TracedRequest {
  readonly project: string
  readonly created: Date
  readonly summaries: readonly NamedSummary[]
  readonly parents: readonly CID[]
}

async function writeRoot (writer: WriterSession, graph: Graph, { description, tags = [], project, created, summaries, parents, traceId }: RootFacts): Promise<CID> {
  const block = encodeSnapshot({
    v: 1, kind: 'snapshot', id: writer.id, created: created.toISOString(), description, tags, project, traceId, generator: GENERATOR,
    nodes: graph.nodes, parents, sources: summaries,
  })
  await writer.put(block.bytes)
  return block.cid
}
