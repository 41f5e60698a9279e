import { randomBytes } from 'node:crypto'
import { DEFAULT_CUT_SIZES } from '../chunking/byte-chunker.ts'
import { BackupError, isBackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { intactLengths } from './blob-check.ts'
import { BlobFetcher } from './blob-fetcher.ts'
import type { FetchOptions } from './blob-fetcher.ts'
import { BlobIndex } from './blob-index.ts'
import type { Address, BlobReader } from './blob-store.ts'
import { Codec } from './codec.ts'
import { CommitSeal } from './commit-seal.ts'
import { Commits } from './commits.ts'
import type { CommittedSnapshot, VisibleOptions } from './commits.ts'
import type { Copy } from './copy.ts'
import type { IndexStore } from './index-store.ts'
import { cacheFolderOf, openIndexStore } from './open-index-store.ts'
import { PackSink } from './pack-sink.ts'
import { PlanReader } from './plans.ts'
import type { Plans } from './plans.ts'
import { ReadCache } from './read-cache.ts'
import { ReaderSession } from './reader-session.ts'
import { checkSealing, checkShareable, createConfig, readConfig } from './repository-config.ts'
import type { RepositoryConfig } from './repository-config.ts'
import type { CreateRepositoryOptions, LogAccess, OpenReaderOptions, OpenRepositoryOptions, OpenWriterOptions } from './repository-options.ts'
import { ReusableCopies, intactPacks } from './reusable-copies.ts'
import { findRoots } from './roots.ts'
import type { Root } from './roots.ts'
import { SealedBackend } from './sealed-backend.ts'
import { Session } from './session.ts'
import { shuffledOrder } from './shuffle.ts'
import { WriterSession } from './writer-session.ts'

export type { CommittedSnapshot, CreateRepositoryOptions, LogAccess, OpenReaderOptions, OpenRepositoryOptions, OpenWriterOptions, ReaderSession, RepositoryConfig, Root, WriterSession }

const READ_CACHE_BYTES = 8 * 1024 * 1024

export interface RepositoryStats {
  readonly packs: number
  /** Blobs with a copy in some pack. */
  readonly blobs: number
  /** Length of all packs together. */
  readonly storedBytes: number
}

/** Blobs and commits in one backend. Close it when done; the backend stays open. */
export class Repository implements BlobReader {
  readonly backend: StorageBackend
  readonly config: RepositoryConfig
  readonly logAccess: LogAccess
  /** True for who can read nothing of others, nor what was stored before: such calls are `KEY_NEEDED`. */
  readonly isWriteOnly: boolean
  /** Where such a writer keeps what it must remember; undefined for others, and for one without a folder. */
  readonly ownFolder: string | undefined
  /** For this folder and tests only. */
  readonly index: BlobIndex
  readonly fetcher: BlobFetcher
  readonly codec = new Codec()
  readonly commits: Commits
  readonly #plans: PlanReader
  readonly #cache: ReadCache
  readonly #clock: () => number
  readonly #random: (length: number) => Uint8Array
  #rebuilt: Promise<void> | undefined

  constructor (backend: StorageBackend, config: RepositoryConfig, store: IndexStore, options: OpenRepositoryOptions) {
    const { readCacheBytes = READ_CACHE_BYTES, clock = Date.now, random = randomBytes, sealing, access = 'full', cacheFolder, log = {} } = options
    this.backend = sealing === undefined ? backend : new SealedBackend(backend, sealing, random)
    this.config = config
    this.logAccess = log
    this.isWriteOnly = access === 'write-only'
    this.ownFolder = this.isWriteOnly && typeof cacheFolder === 'string' ? cacheFolder : undefined
    this.index = new BlobIndex(this.backend, store, { ownOnly: this.isWriteOnly })
    this.commits = new Commits(this.backend, sealing && new CommitSeal(sealing, random))
    this.#plans = new PlanReader(this.backend)
    this.#cache = new ReadCache(readCacheBytes)
    this.fetcher = this.#newFetcher()
    this.#clock = clock
    this.#random = random
  }

  /**
   * The blob, from any intact copy; undefined when no pack lists it, also after a look at what others have written.
   * @throws {BackupError} `BLOB_CORRUPT`; in place of absence `INDEX_CORRUPT` when a damaged segment may have listed it, `KEY_NEEDED`
   * without the key to segments; `STORAGE_…`
   */
  async get (address: Address, { keep, signal }: Pick<FetchOptions, 'keep' | 'signal'> = {}): Promise<Uint8Array | undefined> {
    const first = await this.#tryGet(address, { keep, signal })
    if (first instanceof Uint8Array) return first
    // A collector may have moved it, or another process may have written it.
    await this.refresh({ signal })
    const second = await this.#tryGet(address, { keep, signal })
    if (second instanceof Uint8Array) return second
    const [damaged] = this.index.damagedSegments
    if (second === undefined && damaged !== undefined) throw damaged
    if (second === undefined) {
      this.#needKey(`blob ${address} cannot be looked for`)
      return undefined
    }
    // This host's cache may be wrong about its place.
    await this.rebuildOnce()
    return await this.fetcher.fetch(address, this.#find, { keep, signal })
  }

  async lengths (addresses: readonly Address[], options: AbortOptions = {}): Promise<readonly (number | undefined)[]> {
    return await intactLengths(addresses, { fetcher: this.fetcher, codec: this.codec, find: this.#find }, options)
  }

  async has (address: Address): Promise<boolean> {
    return this.hasSync(address)
  }

  /** As {@link has}, from what is known without asking the storage. */
  hasSync (address: Address): boolean {
    return this.index.find(address).length > 0
  }

  /** Every blob's address, once each, in no particular order. */
  list (): AsyncIterable<Address> {
    this.#needKey('blobs cannot be listed')
    return this.index.addresses()
  }

  /** The blob's copies, the shallowest first. */
  copies (address: Address): readonly Copy[] {
    return this.index.find(address)
  }

  /** Where the blob is read from first; undefined when no pack lists it. */
  locate (address: Address): Copy | undefined {
    return this.index.find(address)[0]
  }

  async stats (): Promise<RepositoryStats> {
    this.#needKey('its blobs cannot be counted')
    const packs = [...this.index.packs.values()]
    return { packs: packs.length, blobs: await this.index.count(), storedBytes: packs.reduce((sum, pack) => sum + pack.storedBytes, 0) }
  }

  /** Learns what other processes have written or collected. */
  async refresh (options: AbortOptions = {}): Promise<Plans> {
    const plans = await this.#plans.read(options)
    await this.index.refresh(plans, options)
    return plans
  }

  /**
   * Begins a snapshot.
   * @throws {BackupError} `SNAPSHOT_MISSING` for a parent that is not visible; `STORAGE_UNSUITABLE`, `STORAGE_…`
   */
  async openWriter ({ parents = [], whenPresent = 'keep', signal }: OpenWriterOptions = {}): Promise<WriterSession> {
    checkShareable(this)
    const session = await this.#openSession('write', parents, { signal })
    return await this.#orEnd(session, async () => {
      const plans = await this.refresh({ signal })
      const reusable = new ReusableCopies(this.index, await intactPacks(this.backend, this.index, new Set(plans.open), { signal }))
      await this.commits.checkVisible(parents, { signal })
      // What a revoked writer lists may be a delta of what was collected since: useless, and alarming when verified.
      const sink = this.newSink(names => { reusable.addPacks(names) }, async () => { await session.askNotRevoked() })
      const fetcher = this.#newFetcher(copy => sink.storedOf(copy))
      return new WriterSession({ repository: this, session, sink, reusable, fetcher, codec: this.codec, parents, whenPresent, signal })
    })
  }

  /**
   * Begins to read; the snapshots stay until it is closed, also when they are forgotten meanwhile.
   * @throws {BackupError} `SNAPSHOT_MISSING`, `STORAGE_…`
   */
  async openReader ({ snapshots = [], signal }: OpenReaderOptions = {}): Promise<ReaderSession> {
    const session = await this.#openSession('read', snapshots, { signal }).catch((error: unknown) => {
      if (isBackupError(error, 'STORAGE_DENIED')) return undefined
      throw error
    })
    return await this.#orEnd(session, async () => {
      await this.refresh({ signal })
      await this.commits.checkVisible(snapshots, { signal })
      return new ReaderSession(this, session, snapshots)
    })
  }

  /** Committed snapshots that are not forgotten, the oldest first. */
  async visible (options: VisibleOptions = {}): Promise<CommittedSnapshot[]> {
    this.#needKey('its snapshots cannot be listed')
    return await this.commits.visible(options)
  }

  /** True if the snapshot was committed and is not forgotten. Needs no key. */
  async isVisible (id: string, options: AbortOptions = {}): Promise<boolean> {
    return await this.commits.isVisible(id, options)
  }

  /** Makes a snapshot invisible for good; false if it was already. @throws {BackupError} `SNAPSHOT_MISSING` */
  async forget (id: string, options: AbortOptions = {}): Promise<boolean> {
    this.#needKey('nothing can be forgotten')
    return await this.commits.forget(id, this.now(), options)
  }

  /**
   * What a collector marks from: the visible snapshots, and the forgotten ones that open sessions name. The walk must fail
   * rather than leave out what it cannot read; but below a forgotten root it must leave out what is missing: then the root was
   * collected before, and the session, which came too late, is about to find that out. Revokes dead sessions that hold one.
   */
  async roots (options: AbortOptions = {}): Promise<Root[]> {
    this.#needKey('its snapshots cannot be listed')
    return await findRoots(this.backend, this.commits, this.now(), options)
  }

  /** The time, ISO 8601. */
  now (): string {
    return new Date(this.#clock()).toISOString()
  }

  /** A name that nobody has used: 32 hex digits. */
  newName (): string {
    return Buffer.from(this.#random(16)).toString('hex')
  }

  /** Frees the cache and ends the codec's threads. Safe to call twice; sessions must be over. */
  async close (): Promise<void> {
    await this.codec.close()
    await this.index.close()
  }

  #newFetcher (unwritten?: (copy: Copy) => Uint8Array | undefined): BlobFetcher {
    const parts = { backend: this.backend, codec: this.codec, cache: this.#cache, shuffled: this.#isSealed, keyless: this.isWriteOnly }
    return new BlobFetcher(unwritten === undefined ? parts : { ...parts, unwritten })
  }

  get #isSealed (): boolean {
    return this.config.sealedWith !== undefined
  }

  #needKey (what: string): void {
    if (!this.isWriteOnly) return
    const { location } = this.backend
    throw new BackupError('KEY_NEEDED', `${what}: the repository in ${location} is opened for writing only, without its key`, { data: { location } })
  }

  async #tryGet (address: Address, options: FetchOptions): Promise<Uint8Array | BackupError | undefined> {
    try {
      return await this.fetcher.fetch(address, this.#find, options)
    } catch (error) {
      if (isBackupError(error, 'BLOB_CORRUPT')) return error
      throw error
    }
  }

  readonly #find = (address: Address): readonly Copy[] => this.index.find(address)

  async #openSession (kind: 'write' | 'read', snapshots: readonly string[], { signal }: AbortOptions): Promise<Session> {
    signal?.throwIfAborted()
    return await Session.open(this.backend, { id: this.newName(), kind, snapshots, clock: this.#clock })
  }

  /** Ends the session if what follows its opening fails. */
  async #orEnd<T> (session: Session | undefined, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      session?.stop()
      await session?.end({ outcome: 'closed', time: this.now() }).catch(() => {})
      throw error
    }
  }

  /** Writes packs and their segments, and takes them into the index. Only for writers that keep to the protocol. */
  newSink (onPacks: (names: string[]) => void = () => {}, beforeIndexing: () => Promise<void> = async () => {}): PackSink {
    return new PackSink({
      backend: this.backend,
      beforeIndexing,
      // Beside each other their sizes would say what they are.
      shuffle: this.#isSealed ? blobs => shuffledOrder(blobs, this.#random) : undefined,
      newName: () => this.newName(),
      onIndexed: async (segment, packs) => {
        await this.index.take(segment, packs)
        onPacks(packs.map(pack => pack.name))
      },
    })
  }

  /** Fills this process's index anew from the segments, if that was not done already. */
  async rebuildOnce (): Promise<void> {
    this.#rebuilt ??= this.#plans.read().then(async plans => { await this.index.rebuild(plans) })
    await this.#rebuilt
  }
}

/**
 * Makes a repository and opens it.
 * @throws {BackupError} `REPOSITORY_EXISTS`, `INVALID_OPTION`, `STORAGE_UNSUITABLE`, `STORAGE_…`
 */
export async function createRepository (backend: StorageBackend, options: CreateRepositoryOptions = {}): Promise<Repository> {
  const { chunker = DEFAULT_CUT_SIZES, clock = Date.now, random = randomBytes, seed = random(16), sealing, signal } = options
  if (seed.length !== 16) throw new BackupError('INVALID_OPTION', `a seed has 16 bytes, not ${seed.length}`)
  const id = Buffer.from(random(16)).toString('hex')
  const sealedWith = sealing === undefined ? {} : { sealedWith: sealing.current.id }
  await createConfig(backend, { id, created: new Date(clock()).toISOString(), seed, chunker, ...sealedWith }, { signal })
  return await openRepository(backend, options)
}

/**
 * Opens a repository.
 * @throws {BackupError} `REPOSITORY_MISSING`, `KEY_NEEDED`, `RECORD_CORRUPT`, `FORMAT_UNKNOWN`, `STORAGE_…`
 */
export async function openRepository (backend: StorageBackend, options: OpenRepositoryOptions = {}): Promise<Repository> {
  const config = await readConfig(backend, { signal: options.signal })
  await checkSealing(backend, config, options.sealing, { writeOnly: options.access === 'write-only' })
  const store = await openIndexStore(cacheFolderOf(backend, config.sealedWith !== undefined, options.cacheFolder), config.id)
  const repository = new Repository(backend, config, store, options)
  try {
    await repository.refresh({ signal: options.signal })
    return repository
  } catch (error) {
    await repository.close()
    throw error
  }
}
