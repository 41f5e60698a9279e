import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Address, BlobReader } from './blob-store.ts'
import type { Repository } from './repository.ts'
import type { Session } from './session.ts'

/** Reads blobs while its snapshots are safe from garbage collection. Close it when done, whoever opened it. */
export class ReaderSession implements BlobReader {
  /** Ids of the snapshots that it protects. */
  readonly snapshots: readonly string[]
  readonly #repository: Repository
  readonly #session: Session | undefined
  #closed = false

  /** Without `session`, on storage that can only be read, nothing is protected: nobody can collect through it either. */
  constructor (repository: Repository, session: Session | undefined, snapshots: readonly string[]) {
    this.#repository = repository
    this.#session = session
    this.snapshots = snapshots
  }

  /** @throws {BackupError} `SESSION_REVOKED` in place of absence when a collector took the session for dead; else as {@link BlobReader.get} */
  async get (address: Address, options: AbortOptions = {}): Promise<Uint8Array | undefined> {
    this.#check()
    const bytes = await this.#repository.get(address, options)
    if (bytes === undefined) await this.#session?.askNotRevoked()
    return bytes
  }

  async has (address: Address): Promise<boolean> {
    this.#check()
    return await this.#repository.has(address)
  }

  async lengths (addresses: readonly Address[], options: AbortOptions = {}): Promise<readonly (number | undefined)[]> {
    this.#check()
    return await this.#repository.lengths(addresses, options)
  }

  hasSync (address: Address): boolean {
    return this.#repository.hasSync(address)
  }

  /** Ends the session. Safe to call twice. */
  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#session?.stop()
    try {
      await this.#session?.end({ outcome: 'closed', time: this.#repository.now() })
    } catch (error) {
      if (!isBackupError(error, 'SESSION_REVOKED')) throw error // It read everything it wanted all the same.
    }
  }

  #check (): void {
    if (this.#closed) throw new BackupError('INVALID_OPTION', 'the reader is closed')
  }
}
