import PQueue from 'p-queue'
import { BackupError, isBackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { CommitSeal } from './commit-seal.ts'
import { FORGOTTEN_PREFIX, OUTCOME_PREFIX } from './layout.ts'
import { corrupt } from './record.ts'
import { OutcomeRecord, createRecord, readRecord } from './records.ts'
import type { CommitRecord, SealedCommitRecord } from './records.ts'

const READS_AT_ONCE = 16

/** A snapshot that was committed. */
export interface CommittedSnapshot {
  /** The id of its session. */
  readonly id: string
  /** CID of the snapshot block. */
  readonly root: string
  /** The line of snapshots it was put into, if another than its block names. */
  readonly project?: string
  /** When it became visible, ISO 8601. */
  readonly time: string
  /** True if enough validators agreed. */
  readonly consensus: boolean
  readonly validatedBy: readonly string[]
  /** The validators' statements as they gave them. */
  readonly statements: readonly unknown[]
}

export interface VisibleOptions extends AbortOptions {
  /** Called for each outcome that is damaged, which is then left out; without it the first one is thrown. */
  readonly onDamaged?: (id: string, error: BackupError) => void
}

/** Reads how sessions ended; an outcome, which never changes, only once. */
export class Commits {
  readonly #backend: StorageBackend
  readonly #seal: CommitSeal | undefined
  readonly #outcomes = new Map<string, CommittedSnapshot | 'none'>()

  /** @param seal of a sealed repository, in which a commit that is not sealed is damage. */
  constructor (backend: StorageBackend, seal?: CommitSeal) {
    this.#backend = backend
    this.#seal = seal
  }

  /** Commits that are not forgotten, the oldest first. @throws {BackupError} `RECORD_CORRUPT`, `SEAL_BROKEN`, `KEY_NEEDED` without `onDamaged`; `STORAGE_…` */
  async visible ({ onDamaged, signal }: VisibleOptions = {}): Promise<CommittedSnapshot[]> {
    const ended = await this.#ids(OUTCOME_PREFIX, { signal })
    const forgotten = new Set(await this.#ids(FORGOTTEN_PREFIX, { signal }))
    const queue = new PQueue({ concurrency: READS_AT_ONCE })
    const found = await queue.addAll(ended.filter(id => !forgotten.has(id)).map(id => async () => {
      try {
        return await this.get(id, { signal })
      } catch (error) {
        if (onDamaged === undefined || !isBackupError(error, 'RECORD_CORRUPT', 'SEAL_BROKEN', 'KEY_NEEDED')) throw error
        onDamaged(id, error)
        return undefined
      }
    }))
    return found.filter(commit => commit !== undefined).sort(byTime)
  }

  /** The commit of that id, forgotten or not; undefined if there is none. */
  async get (id: string, options: AbortOptions = {}): Promise<CommittedSnapshot | undefined> {
    const known = this.#outcomes.get(id)
    if (known !== undefined) return known === 'none' ? undefined : known
    const commit = await this.read(id, options)
    if (commit !== undefined) this.#outcomes.set(id, commit)
    return commit === 'none' ? undefined : commit
  }

  /**
   * How the session of that id ended, from the storage: `none` if without a commit, undefined if it has not ended.
   * @throws {BackupError} `RECORD_CORRUPT`, `SEAL_BROKEN`, `KEY_NEEDED`
   */
  async read (id: string, options: AbortOptions = {}): Promise<CommittedSnapshot | 'none' | undefined> {
    const stored = await readRecord(this.#backend, OUTCOME_PREFIX + id, OutcomeRecord, options)
    if (stored === undefined) return undefined
    return stored.outcome === 'commit' ? committed(id, await this.#opened(id, stored, options)) : 'none'
  }

  /** A commit in the form in which it is stored. */
  stored (id: string, record: CommitRecord): OutcomeRecord {
    return this.#seal?.seal(id, record) ?? record
  }

  /** True if it was committed and not forgotten. Needs no key. */
  async isVisible (id: string, options: AbortOptions = {}): Promise<boolean> {
    const known = this.#outcomes.get(id)
    const isCommit = known === undefined
      ? (await readRecord(this.#backend, OUTCOME_PREFIX + id, OutcomeRecord, options))?.outcome === 'commit'
      : known !== 'none'
    return isCommit && await this.#backend.size(FORGOTTEN_PREFIX + id, options) === undefined
  }

  /** @throws {BackupError} `SNAPSHOT_MISSING` unless all are visible */
  async checkVisible (ids: readonly string[], options: AbortOptions = {}): Promise<void> {
    for (const id of ids) {
      if (!await this.isVisible(id, options)) {
        throw new BackupError('SNAPSHOT_MISSING', `there is no snapshot ${id}, or it was forgotten`, { data: { snapshot: id } })
      }
    }
  }

  /** Makes a snapshot invisible for good, also one whose record is damaged; false if it was already. @throws {BackupError} `SNAPSHOT_MISSING` */
  async forget (id: string, time: string, options: AbortOptions = {}): Promise<boolean> {
    if (!await this.#mayBeCommit(id, options)) {
      throw new BackupError('SNAPSHOT_MISSING', `there is no snapshot ${id}`, { data: { snapshot: id } })
    }
    return await createRecord(this.#backend, FORGOTTEN_PREFIX + id, { time }, options)
  }

  async #opened (id: string, record: CommitRecord | SealedCommitRecord, options: AbortOptions): Promise<CommitRecord> {
    if ('sealed' in record) {
      if (this.#seal === undefined) throw corrupt(OUTCOME_PREFIX + id, 'it is sealed, and the repository is not')
      return await this.#seal.open(id, record, options)
    }
    // Who can write the storage, without a key, could else make a snapshot visible.
    if (this.#seal !== undefined) throw corrupt(OUTCOME_PREFIX + id, 'it is not sealed, and the repository is')
    return record
  }

  /** True also for a damaged record: nothing else could take it out of the way, and no session goes on after its outcome. */
  async #mayBeCommit (id: string, options: AbortOptions): Promise<boolean> {
    try {
      return await this.get(id, options) !== undefined
    } catch (error) {
      if (isBackupError(error, 'RECORD_CORRUPT', 'SEAL_BROKEN')) return true
      throw error
    }
  }

  async #ids (prefix: string, options: AbortOptions): Promise<string[]> {
    const ids: string[] = []
    for await (const { key } of this.#backend.list(prefix, options)) ids.push(key.slice(prefix.length))
    return ids
  }
}

function committed (id: string, record: CommitRecord): CommittedSnapshot {
  const { root, project, time, consensus, validatedBy, statements } = record
  return { id, root, ...(project === undefined ? {} : { project }), time, consensus, validatedBy, statements }
}

function byTime (one: CommittedSnapshot, other: CommittedSnapshot): number {
  return one.time < other.time ? -1 : one.time > other.time ? 1 : one.id < other.id ? -1 : 1
}
