import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions, Plain } from '../stream.ts'
import { addressOf } from './address.ts'
import { encodeBlob } from './blob-encoder.ts'
import type { Base, PlainBlob } from './blob-encoder.ts'
import { isUnreadable } from './blob-fetcher.ts'
import type { BlobFetcher } from './blob-fetcher.ts'
import { MAX_DEPTH } from './blob-list.ts'
import type { Address, BlobWriter, KnownBlob, PutBlobOptions, PutBlobResult } from './blob-store.ts'
import type { Codec } from './codec.ts'
import type { Copy } from './copy.ts'
import { BLOB_LIMIT_BYTES } from './pack-format.ts'
import type { PackSink } from './pack-sink.ts'
import type { CommitRecord } from './records.ts'
import type { Repository } from './repository.ts'
import type { ReusableCopies } from './reusable-copies.ts'
import type { Session } from './session.ts'

/** What a session has put so far. */
export interface WriteCounters {
  readonly newBlobs: number
  readonly presentBlobs: number
  /** Plain bytes of the new blobs. */
  readonly newBytes: number
  /** Plain bytes of the blobs that were there already. */
  readonly presentBytes: number
  /** Bytes that the new blobs take in packs. */
  readonly storedBytes: number
}

export interface CommitOptions extends AbortOptions {
  /** CID of the snapshot block. */
  readonly root: string
  /** Puts an imported snapshot into another line than its block names. */
  readonly project?: string | undefined
  readonly consensus: boolean
  readonly validatedBy: readonly string[]
  readonly statements: readonly Plain[]
}

/** What a writer works with; made by {@link Repository.openWriter}. */
export interface WriterParts {
  readonly repository: Repository
  readonly session: Session
  readonly sink: PackSink
  readonly reusable: ReusableCopies
  readonly fetcher: BlobFetcher
  readonly codec: Codec
  readonly parents: readonly string[]
  readonly whenPresent: 'keep' | 'rewrite'
  readonly signal: AbortSignal | undefined
}

/** Writes the blobs of one snapshot. Ends with `commit` or `discard`, whoever opened it. */
export class WriterSession implements BlobWriter {
  /** Id of the session, and of the snapshot if it is committed. */
  readonly id: string
  readonly parents: readonly string[]
  readonly #parts: WriterParts
  readonly #storing = new Map<Address, Promise<number>>()
  #over = false
  #counters: WriteCounters = { newBlobs: 0, presentBlobs: 0, newBytes: 0, presentBytes: 0, storedBytes: 0 }

  constructor (parts: WriterParts) {
    this.#parts = parts
    this.id = parts.session.id
    this.parents = parts.parents
  }

  get counters (): WriteCounters {
    return this.#counters
  }

  /**
   * Stores a blob unless a copy is there that this session may build on.
   * @throws {BackupError} `INVALID_OPTION` for more than 16 MiB or a closed session; `SESSION_REVOKED`; `STORAGE_…`, and then ever after
   */
  async put (bytes: Uint8Array, { base, kind = 'block', effort, signal }: PutBlobOptions = {}): Promise<PutBlobResult> {
    this.#check(signal)
    if (bytes.length > BLOB_LIMIT_BYTES) {
      throw new BackupError('INVALID_OPTION', `a blob has at most ${BLOB_LIMIT_BYTES} bytes, not ${bytes.length}`, { data: { length: bytes.length } })
    }
    const address = addressOf(bytes)
    const other = this.#storing.get(address)
    if (other !== undefined) await other
    else if (this.#usable(address, kind) === undefined) return await this.#putNew({ address, bytes, effort }, base)
    this.#count({ presentBlobs: 1, presentBytes: bytes.length })
    return { address, stored: 'present', storedBytes: 0 }
  }

  reuse (address: Address): boolean {
    this.#check()
    const copy = this.#usable(address)
    if (copy === undefined) return false
    this.#count({ presentBlobs: 1, presentBytes: copy.plain })
    return true
  }

  /** Packs of which every blob can be built on. The session's own are among them when they are durable. */
  get packs (): ReadonlySet<string> {
    return this.#parts.reusable.packs
  }

  async get (address: Address, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    this.#check(signal)
    const { sink, fetcher, repository } = this.#parts
    if (sink.find(address) === undefined) return await repository.get(address, { signal })
    return await fetcher.fetch(address, this.#find, { signal })
  }

  async has (address: Address): Promise<boolean> {
    return this.hasSync(address)
  }

  hasSync (address: Address): boolean {
    return this.#find(address).length > 0
  }

  /** True if this session has stored a copy of the blob. Reliable after a flush. */
  wrote (address: Address): boolean {
    return this.#find(address).some(copy => this.#parts.sink.wrote(copy.pack))
  }

  async flush ({ signal }: AbortOptions = {}): Promise<void> {
    this.#check(signal)
    await this.#parts.sink.flush()
  }

  /** Asks the storage. @throws {BackupError} `SESSION_REVOKED` when a collector took this session for dead; `STORAGE_…` */
  async askNotRevoked (): Promise<void> {
    await this.#parts.session.askNotRevoked()
  }

  /**
   * Makes everything put durable, then the snapshot visible: the last step, and the only one that shows.
   * @throws {BackupError} `SESSION_REVOKED` when a collector was quicker; nothing is visible then. After `STORAGE_IO` the
   * snapshot may be visible all the same, if storage failed just after it took the record.
   */
  async commit ({ signal, ...commitment }: CommitOptions): Promise<void> {
    this.#check(signal)
    await Promise.all(this.#storing.values())
    await this.flush({ signal })
    const { session, repository } = this.#parts
    await session.end(repository.commits.stored(this.id, commitRecord(repository.now(), commitment)))
    this.#over = true
  }

  /** Ends the session without a snapshot; what was written stays as garbage. Safe to call twice and after `commit`. */
  async discard (): Promise<void> {
    if (this.#over) return
    this.#over = true
    const { session, repository, sink } = this.#parts
    session.stop()
    await sink.abandon()
    await Promise.allSettled(this.#storing.values())
    try {
      await session.end({ outcome: 'closed', time: repository.now() })
    } catch (error) {
      if (!isBackupError(error, 'SESSION_REVOKED')) throw error
    }
  }

  #check (signal?: AbortSignal): void {
    signal?.throwIfAborted()
    this.#parts.signal?.throwIfAborted()
    this.#parts.session.checkNotRevoked()
    if (this.#over) throw new BackupError('INVALID_OPTION', `session ${this.id} is over`, { data: { session: this.id } })
  }

  async #putNew (blob: PlainBlob, base: Address | KnownBlob | undefined): Promise<PutBlobResult> {
    const { address, bytes } = blob
    const storing = this.#store(blob, base)
    this.#storing.set(address, storing)
    try {
      const storedBytes = await storing
      this.#count({ newBlobs: 1, newBytes: bytes.length, storedBytes })
      return { address, stored: 'new', storedBytes }
    } finally {
      this.#storing.delete(address)
    }
  }

  async #store (plain: PlainBlob, base: Address | KnownBlob | undefined): Promise<number> {
    const { codec, sink } = this.#parts
    const found = base === undefined ? undefined : await this.#base(base)
    const copy = await encodeBlob(codec, plain, found, (blob, stored) => sink.append(blob, stored))
    await sink.room()
    return copy.stored
  }

  /** The base, if it has a copy to build on and that copy is intact. */
  async #base (base: Address | KnownBlob): Promise<Base | undefined> {
    const { address, bytes: known, copies } = typeof base === 'string' ? { address: base, bytes: undefined, copies: undefined } : base
    if (this.#parts.repository.isWriteOnly) return undefined
    const copy = this.#usable(address)
    if (copy === undefined || copy.depth >= MAX_DEPTH) return undefined
    try {
      const bytes = known ?? await this.#parts.fetcher.fetchBase(address, this.#find, { below: copy.depth + 1 })
      return bytes === undefined ? undefined : { address, bytes, depth: copy.depth, copies }
    } catch (error) {
      if (isUnreadable(error)) return undefined
      throw error
    }
  }

  #usable (address: Address, kind: 'block' | 'chunk' = 'block'): Copy | undefined {
    const { sink, reusable, repository, whenPresent } = this.#parts
    const unlisted = sink.find(address)
    if (unlisted !== undefined) return unlisted
    if (whenPresent === 'keep' && (kind === 'chunk' || !repository.isWriteOnly)) return reusable.find(address)
    return repository.copies(address).find(copy => sink.wrote(copy.pack))
  }

  readonly #find = (address: Address): readonly Copy[] => {
    const own = this.#parts.sink.find(address)
    const others = this.#parts.repository.copies(address)
    return own === undefined ? others : [own, ...others]
  }

  #count (more: Partial<WriteCounters>): void {
    const sum = { ...this.#counters }
    for (const name of Object.keys(more) as Array<keyof WriteCounters>) sum[name] += more[name] ?? 0
    this.#counters = sum
  }
}

function commitRecord (time: string, { root, project, consensus, validatedBy, statements }: CommitOptions): CommitRecord {
  const line = project === undefined ? {} : { project }
  return { outcome: 'commit', time, root, ...line, consensus, validatedBy: [...validatedBy], statements: [...statements] }
}
