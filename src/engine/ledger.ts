import { join } from 'node:path'
import { OUTCOME_PREFIX } from '../cas/layout.ts'
import type { Repository } from '../cas/repository.ts'
import { FORGOTTEN_PREFIX } from '../cas/layout.ts'
import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Log } from '../trust/log/log.ts'
import type { ActFacts, Appended } from '../trust/log/log.ts'
import { OpenLeaves } from '../trust/log/open-leaves.ts'
import type { Act } from '../trust/log/opening.ts'
import { createLog } from './open-log.ts'

export interface LedgerOptions extends AbortOptions {
  /** Stands in every leaf of one operation. */
  readonly traceId: string
}

export type RecordOptions = Pick<ActFacts, 'announce' | 'signal'>

/** What an operation writes into the repository's log. */
export class Ledger {
  readonly log: Log
  /** 32 bytes, from which local validators derive their keys; undefined for who cannot sign. */
  readonly seed: Uint8Array | undefined
  readonly #repository: Repository
  readonly #traceId: string
  readonly #open: OpenLeaves

  constructor (repository: Repository, log: Log, { traceId, seed }: { readonly traceId: string, readonly seed: Uint8Array | undefined }) {
    this.log = log
    this.seed = seed
    this.#repository = repository
    this.#traceId = traceId
    const { stateFolder } = repository.logAccess
    this.#open = new OpenLeaves(stateFolder === undefined ? undefined : join(stateFolder, repository.config.id, 'open-leaves'))
  }

  /** Logs acts, in their order. @throws {BackupError} `LOG_CORRUPT`, `LOG_ROLLED_BACK`, `STORAGE_…` */
  async record (acts: readonly Act[], { announce, signal }: RecordOptions = {}): Promise<Appended[]> {
    return await this.log.appendAll(acts, { time: this.#repository.now(), traceId: this.#traceId, announce, signal })
  }

  /** Logs what is done and cannot be undone. That the storage may only be read is no reason to fail. */
  async recordDone (act: Act): Promise<void> {
    try {
      await this.record([act])
    } catch (error) {
      if (isBackupError(error, 'STORAGE_DENIED')) return
      if (!(error instanceof BackupError)) throw error
      throw new BackupError(error.code, `it is done (${act.kind}), but could not be put into the log: ${error.message}`, { data: error.data, cause: error })
    }
  }

  /**
   * Finishes what others left half done: closes proposals whose session is over, forgets what was to be forgotten. Where leaves
   * cannot be read nothing is closed, and a verification says which.
   * @throws {BackupError} `STORAGE_…`
   */
  async closeOpen (options: AbortOptions = {}): Promise<void> {
    try {
      await this.#open.follow(this.log, (await this.log.catchUp(options))?.size ?? 0, options)
      const { acts, forget } = await this.#open.closing(this.#repository, options)
      for (const id of forget) await this.#repository.forget(id, options)
      if (acts.length > 0) await this.record(acts, options)
    } catch (error) {
      if (!isBackupError(error, 'LOG_CORRUPT', 'RECORD_CORRUPT', 'SEAL_BROKEN', 'KEY_NEEDED', 'SNAPSHOT_MISSING')) throw error
    }
  }

  /** Makes the log's first leaf: what the repository held before there was a log. */
  async begin (options: AbortOptions = {}): Promise<void> {
    const snapshots: Array<{ id: string, root: string, forgotten?: true }> = []
    for await (const { key } of this.#repository.backend.list(OUTCOME_PREFIX, options)) {
      const id = key.slice(OUTCOME_PREFIX.length)
      const outcome = await this.#repository.commits.read(id, options)
      if (outcome === undefined || outcome === 'none') continue
      const isForgotten = await this.#repository.backend.size(FORGOTTEN_PREFIX + id, options) !== undefined
      snapshots.push({ id, root: outcome.root, ...(isForgotten ? { forgotten: true } : {}) })
    }
    const act: Act = snapshots.length === 0 ? { kind: 'created', repository: this.#repository.config.id } : { kind: 'adopted', snapshots }
    await this.log.begin(act, { time: this.#repository.now(), traceId: this.#traceId, ...options })
  }
}

/**
 * Opens the repository's log for an operation, and begins it where there is none. Undefined for who has no key to begin it with,
 * or may only read: then the operation goes unlogged.
 * @throws {BackupError} `LOG_ROLLED_BACK` when the storage is an older copy than this host has seen; `LOG_CORRUPT`, `RECORD_CORRUPT`, `STORAGE_…`
 */
export async function openLedger (repository: Repository, { traceId, signal }: LedgerOptions): Promise<Ledger | undefined> {
  try {
    const opened = await createLog(repository, { signal })
    if (opened === undefined) return undefined
    const ledger = new Ledger(repository, opened.log, { traceId, seed: opened.seed })
    if (await opened.log.checkpoint({ signal }) !== undefined) return ledger
    // Who cannot sign may not be able to read either what there was before.
    if (opened.seed === undefined) return await opened.log.store.readLeaf(0, { signal }) === undefined ? undefined : ledger
    await ledger.begin({ signal })
    return ledger
  } catch (error) {
    if (isBackupError(error, 'STORAGE_DENIED')) return undefined
    throw error
  }
}
