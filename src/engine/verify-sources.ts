import type { Address, BlobWriter, PutBlobResult } from '../cas/blob-store.ts'
import { addressOf } from '../cas/address.ts'
import type { Repository } from '../cas/repository.ts'
import { storeContent, storeLike } from '../dag/content.ts'
import type { StoredRows, StoreContext, StoreResult } from '../dag/content.ts'
import { diffRows } from '../dag/diff.ts'
import { findNode } from '../dag/node-map.ts'
import { isBackupError } from '../errors.ts'
import type { Artifact, RowContent, Source } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import type { Finding } from './finding.ts'
import type { OnProgress } from './progress.ts'
import { DEFAULT_PROJECT } from './snapshot.ts'
import { newestView, readNode, wasMadeHere } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

export interface VerifySourcesRequest extends AbortOptions {
  readonly sources: readonly Source[]
  /**
   * The line of snapshots of which the newest is looked at.
   * @default 'default'
   */
  readonly project?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

/** How many tables were compared, and how many the next snapshot reads in full anyway. */
export interface SourcesSummary {
  readonly compared: number
  readonly readInFull: number
}

/** So many rows that differ are named. */
const NAMED = 5

/**
 * Proves that the newest snapshot, with what the sources say has changed since, gives the rows that the sources have: reads each table in both ways under
 * one view of it, so that changes meanwhile are no difference. Stores nothing.
 * @throws {BackupError} what a source or the storage reports
 */
export async function * verifySources (repository: Repository, { sources, project = DEFAULT_PROJECT, signal, onProgress }: VerifySourcesRequest): AsyncGenerator<Finding, SourcesSummary> {
  const view = await newestView(repository, project)
  const summary = { compared: 0, readInFull: 0 }
  if (view === undefined || !wasMadeHere(view)) return summary
  for (const source of sources) {
    const previous = view.block.sources.find(({ name }) => name === source.name)
    if (previous === undefined) continue
    const capture = await source.capture({ previous, signal })
    try {
      for await (const { id, kind, content } of capture.artifacts({ signal })) {
        if (content.form !== 'rows' || content.layout.key.length === 0) continue
        const before = content.changes === undefined ? undefined : await rowsIn(repository, view, { id, kind })
        if (before === undefined) summary.readInFull++
        else {
          summary.compared++
          yield * compareTable({ view, id, content, before }, repository, { signal })
        }
        onProgress?.({ step: 'verify', item: id, done: summary.compared, unit: 'items' })
      }
      await capture.finish()
    } finally {
      await capture.close()
    }
  }
  return summary
}

async function rowsIn (repository: Repository, view: SnapshotView, { id, kind }: Pick<Artifact, 'id' | 'kind'>): Promise<StoredRows | undefined> {
  const cid = await findNode(view.block.nodes, id, repository)
  const node = cid === undefined ? undefined : await readNode(repository, cid, id)
  return node?.artifact === kind && node.content.form === 'rows' ? node.content : undefined
}

interface TableInView {
  readonly view: SnapshotView
  readonly id: string
  readonly content: RowContent
  readonly before: StoredRows
}

async function * compareTable ({ view, id, content, before }: TableInView, repository: Repository, { signal }: AbortOptions): AsyncGenerator<Finding> {
  let wasReadInFull = false
  const watched: RowContent = {
    ...content,
    read: options => {
      wasReadInFull = true
      return content.read(options)
    },
  }
  const context: StoreContext = { ...repository.config, blobs: new ScratchBlobs(repository), signal }
  const byChanges = await storeContent(watched, context, before)
  const finding = (message: string): Finding => ({ severity: 'error', code: 'SNAPSHOT_DIFFERS', message, affected: [{ snapshot: view.id, node: id, detail: 'rows', place: {} }] })
  if (wasReadInFull) {
    yield finding(`${id}: what changed since snapshot ${view.id} does not fit its rows; the next snapshot reads all of them`)
    return
  }
  const inFull = await storeLike(content, context, byChanges.content)
  if (inFull.hash !== byChanges.hash) yield finding(`${id}: reading what changed since snapshot ${view.id} does not give the rows that are there: ${await differing(byChanges, inFull, context)}; take a snapshot with --full-read`)
}

/** Names some rows. */
async function differing ({ content: before }: StoreResult, { content: after }: StoreResult, { blobs, signal }: StoreContext): Promise<string> {
  if (before.form !== 'rows' || after.form !== 'rows') return 'another form'
  const keys: string[] = []
  try {
    for await (const { change, key } of diffRows(before, after, blobs, { signal })) {
      if (keys.length === NAMED) return `${keys.join(', ')} and more`
      keys.push(`(${key.join(', ')}) ${WORDS[change]}`)
    }
    return keys.join(', ')
  } catch (error) {
    if (!isBackupError(error, 'BLOB_MISSING')) throw error
    return keys.length === 0 ? 'too many rows were changed lately to name them' : `${keys.join(', ')} and more`
  }
}

const WORDS = { added: 'is missing', removed: 'is there no more', changed: 'is another' }

/** Kept at most, to name what differs. */
const MOST_KEPT = 64 * 1024 * 1024

/** Takes blobs for their addresses, and keeps some that the repository has not. */
class ScratchBlobs implements Pick<BlobWriter, 'put' | 'get' | 'reuse'> {
  readonly #repository: Repository
  readonly #kept = new Map<Address, Uint8Array>()
  #bytes = 0

  constructor (repository: Repository) {
    this.#repository = repository
  }

  async put (bytes: Uint8Array): Promise<PutBlobResult> {
    const address = addressOf(bytes)
    if (!this.#kept.has(address) && this.#bytes + bytes.length <= MOST_KEPT && !this.#repository.hasSync(address)) {
      this.#kept.set(address, new Uint8Array(bytes))
      this.#bytes += bytes.length
    }
    return { address, stored: 'present', storedBytes: 0 }
  }

  async get (address: Address, options: AbortOptions = {}): Promise<Uint8Array | undefined> {
    return this.#kept.get(address) ?? await this.#repository.get(address, options)
  }

  reuse (address: Address): boolean {
    return this.#repository.hasSync(address)
  }
}
