import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { OpenRepositoryOptions, Repository } from '../../src/cas/repository.ts'
import { isBackupError } from '../../src/errors.ts'
import { listViews } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Finding } from '../../src/engine/verify.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import type { FaultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { testSealing } from '../cas/test-sealing.ts'
import { Application } from './application.ts'
import type { Chance } from './chance.ts'
import { readSnapshot } from './fingerprint.ts'
import type { Contents } from './fingerprint.ts'
import { Model } from './model.ts'
import { Violation, demand } from './violation.ts'

const SECOND = 1_000
/** Longer than a lease, so that sessions of what has died are over. */
const LONG_AFTER = 11 * 60 * SECOND

export interface ExportedSnapshot {
  readonly path: string
  readonly contents: Contents
}

export interface WorldOptions {
  /** @default in memory */
  readonly inFiles?: boolean
  /** Where the repository is instead, or shall be. */
  readonly storage?: StorageBackend
  /** @default readable by everybody */
  readonly sealed?: boolean
}

/** What a repository is opened with in every process. */
type Access = Pick<OpenRepositoryOptions, 'random' | 'clock' | 'sealing' | 'log' | 'cacheFolder'>

/** An application, its repository, a model of the repository, and everything that can befall them. */
export class World {
  readonly chance: Chance
  readonly folder: string
  readonly backend: FaultyBackend
  readonly model = new Model()
  readonly application: Application
  /** A second repository, as on another machine. */
  readonly elsewhere: Repository
  readonly archives: ExportedSnapshot[] = []
  repository: Repository
  readonly #access: Access
  /** True once something was cut off: what it has left in the log may stay open until its session is over. */
  #unfinished = false
  #now = Date.parse('2026-11-21T00:00:00Z')

  private constructor (chance: Chance, folder: string, backend: FaultyBackend, { here, elsewhere, access }: { readonly here: Repository, readonly elsewhere: Repository, readonly access: Access }) {
    this.chance = chance
    this.folder = folder
    this.backend = backend
    this.repository = here
    this.elsewhere = elsewhere
    this.#access = access
    this.application = new Application(chance)
  }

  /** A new world. Close it. */
  static async create (chance: Chance, { inFiles = false, sealed = false, storage }: WorldOptions = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'caf-torture-'))
    const backend = faultyBackend(storage ?? (inFiles ? directoryBackend(join(folder, 'repository')) : memoryBackend()))
    const random = (length: number): Uint8Array => chance.bytes(length)
    const stateFolder = join(folder, 'state')
    const access = { random, cacheFolder: false as const, ...(sealed ? { sealing: testSealing(), log: { stateFolder, keys: { logSeed: chance.bytes(32) } } } : { log: { stateFolder } }) }
    try {
      const here = await createOrOpen(backend, access)
      const elsewhere = await createRepository(memoryBackend(), { random })
      const world = new World(chance, folder, backend, { here, elsewhere, access })
      await world.restart('none')
      return world
    } catch (error) {
      await rm(folder, { recursive: true })
      throw error
    }
  }

  readonly clock = (): number => this.#now

  now (): Date {
    return new Date(this.#now)
  }

  /** Time goes on: a second between two steps. */
  tick (milliseconds = SECOND): void {
    this.#now += milliseconds
  }

  /** What was running is dead, and was for long. */
  die (): void {
    this.backend.heal()
    this.tick(LONG_AFTER)
    this.#unfinished = true
  }

  /**
   * A new process over the same storage. Its index is in memory, or in one of two folders, of which the other then falls behind.
   */
  async restart (cache: 'none' | 'one' | 'other'): Promise<void> {
    await this.repository.close()
    this.repository = await this.open({ cacheFolder: cache === 'none' ? false : join(this.folder, `level-${cache}`) })
  }

  async open (options: OpenRepositoryOptions = {}): Promise<Repository> {
    return await openRepository(this.backend, { ...this.#access, clock: this.clock, ...options })
  }

  /** Runs `act` in a process of its own, that believes nothing but the storage. */
  async afresh<T> (act: (repository: Repository) => Promise<T>): Promise<T> {
    const repository = await this.open({ readCacheBytes: 0 })
    try {
      return await act(repository)
    } finally {
      await repository.close()
    }
  }

  async contents (): Promise<Map<string, Contents>> {
    return await this.afresh(contentsOf)
  }

  async findings (): Promise<Finding[]> {
    return await this.afresh(async repository => await Array.fromAsync(verifyRepository(repository, { readData: 'all' })))
  }

  /** @throws {Violation} unless everything the model says is there, can be read, and verifies */
  async check (): Promise<void> {
    try {
      this.model.check(await this.contents())
      const findings = (await this.findings()).filter(finding => !this.#unfinished || !isOfTheUnfinished(finding))
      demand(findings.length === 0, () => `verify finds damage that nobody did: ${findings[0]!.code} ${findings[0]!.message}`)
    } catch (error) {
      throw error instanceof Violation ? error : new Violation('an undamaged repository cannot be read', { cause: error })
    }
  }

  async close (): Promise<void> {
    await this.repository.close()
    await this.elsewhere.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Warnings that tell of acts in the log that somebody has not finished. */
function isOfTheUnfinished ({ severity, code }: Finding): boolean {
  return severity === 'warning' && code.startsWith('LOG_')
}

/** Who asks for a repository again after a failure finds it there. */
async function createOrOpen (backend: StorageBackend, access: Access): Promise<Repository> {
  try {
    return await createRepository(backend, access)
  } catch (error) {
    if (isBackupError(error, 'REPOSITORY_EXISTS')) return await openRepository(backend, access)
    throw error
  }
}

/** What every visible snapshot holds. */
export async function contentsOf (repository: Repository): Promise<Map<string, Contents>> {
  const found = new Map<string, Contents>()
  for (const view of await listViews(repository)) found.set(view.id, await readSnapshot(repository, view))
  return found
}
