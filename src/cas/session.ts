import { BackupError, isBackupError } from '../errors.ts'
import { hostIdentity } from '../storage/host-identity.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { OUTCOME_PREFIX, SESSION_PREFIX } from './layout.ts'
import { OutcomeRecord, createRecord, readRecord, writeRecord } from './records.ts'
import type { SessionRecord } from './records.ts'

/** A session whose lease is over may be revoked by a collector; a live one refreshes it three times as often. */
export const LEASE_MS = 10 * 60 * 1000

export interface SessionOptions {
  readonly id: string
  readonly kind: SessionRecord['kind']
  readonly snapshots: readonly string[]
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

/** The record of a writer or reader at work, its lease, and how it ends. */
export class Session {
  readonly id: string
  readonly #backend: StorageBackend
  readonly #options: SessionOptions
  readonly #started: string
  #timer: NodeJS.Timeout | undefined
  #revoked = false

  private constructor (backend: StorageBackend, options: SessionOptions) {
    this.id = options.id
    this.#backend = backend
    this.#options = options
    this.#started = new Date(options.clock()).toISOString()
  }

  /** Puts the session's record, durable before this returns. */
  static async open (backend: StorageBackend, options: SessionOptions): Promise<Session> {
    const session = new Session(backend, options)
    await session.#put()
    // Only liveness depends on the lease, so a failure to refresh it is left to the next time.
    session.#timer = setInterval(() => { void session.#refresh().catch(() => {}) }, LEASE_MS / 3).unref()
    return session
  }

  /** True once this process has learned that a collector revoked the session. */
  get revoked (): boolean {
    return this.#revoked
  }

  /** From what is known so far. @throws {BackupError} `SESSION_REVOKED` */
  checkNotRevoked (): void {
    if (this.#revoked) throw this.#revocation()
  }

  /** Asks the storage. @throws {BackupError} `SESSION_REVOKED`, `STORAGE_…` */
  async askNotRevoked (): Promise<void> {
    const stored = await readRecord(this.#backend, OUTCOME_PREFIX + this.id, OutcomeRecord)
    this.#revoked ||= stored?.outcome === 'revoked'
    this.checkNotRevoked()
  }

  /**
   * Ends the session with `outcome`, once and for all. If the storage's answer was lost, what is stored decides.
   * @throws {BackupError} `SESSION_REVOKED` when a collector was first
   */
  async end (outcome: OutcomeRecord, options?: AbortOptions): Promise<void> {
    const key = OUTCOME_PREFIX + this.id
    const created = await this.#create(key, outcome, options)
    this.stop()
    if (created) return
    const stored = await readRecord(this.#backend, key, OutcomeRecord)
    if (stored?.outcome === 'revoked') {
      this.#revoked = true
      throw this.#revocation()
    }
    if (stored?.outcome !== outcome.outcome) {
      throw new BackupError('SESSION_REVOKED', `session ${this.id} is over: ${stored?.outcome ?? 'its outcome has vanished'}`, { data: { session: this.id } })
    }
  }

  /** Stops refreshing the lease. */
  stop (): void {
    clearInterval(this.#timer)
  }

  async #create (key: string, outcome: OutcomeRecord, options?: AbortOptions): Promise<boolean> {
    const members = { ...outcome } as Parameters<typeof createRecord>[2]
    try {
      return await createRecord(this.#backend, key, members, options)
    } catch (error) {
      if (!isBackupError(error, 'STORAGE_IO')) throw error
      const stored = await readRecord(this.#backend, key, OutcomeRecord).catch(() => undefined)
      if (stored === undefined) throw error
      return false
    }
  }

  async #refresh (): Promise<void> {
    const stored = await readRecord(this.#backend, OUTCOME_PREFIX + this.id, OutcomeRecord)
    if (stored === undefined) return await this.#put()
    this.#revoked = stored.outcome === 'revoked'
    this.stop()
  }

  async #put (): Promise<void> {
    const { kind, snapshots, clock } = this.#options
    const leaseUntil = new Date(clock() + LEASE_MS).toISOString()
    await writeRecord(this.#backend, SESSION_PREFIX + this.id, {
      kind, host: hostIdentity(), pid: process.pid, started: this.#started, leaseUntil, snapshots: [...snapshots],
    })
  }

  #revocation (): BackupError {
    const message = `session ${this.id} was revoked by a garbage collection that took it for dead; nothing became visible, start again`
    return new BackupError('SESSION_REVOKED', message, { data: { session: this.id } })
  }
}
