import { mkdir, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Level } from 'level'
import { BackupError, systemCode } from '../errors.ts'
import { addressFromBytes, addressToBytes } from './address.ts'
import type { Address } from './blob-store.ts'
import { copiesIn } from './copy.ts'
import type { Copy } from './copy.ts'
import { decodeCopies, encodeCopies } from './copy-codec.ts'
import { loadedSegment, mergeCopies } from './index-store.ts'
import type { IndexStore, LoadedSegment } from './index-store.ts'
import type { PackListing } from './pack-format.ts'

type Database = Level<Buffer, Buffer>

/*
 * Keys: "r" → id of the repository, "s<segment>" → LoadedSegment as JSON, "b<32 bytes>" → copies of a blob.
 */
const REPOSITORY_KEY = Buffer.from('r')
const SEGMENT = 's'
const BLOB = 'b'
const after = (kind: string): Buffer => Buffer.from([kind.charCodeAt(0) + 1])

/** How many processes of one host can have a cache of their own. */
const SLOTS = 16
/** Keys looked up or listed at once. */
const BATCH = 4096

/**
 * Folders that this process has open. LevelDB's lock is one of POSIX: it is gone as soon as the process that has it opens and
 * closes the lock file once more, which is what trying to open the folder again does.
 */
const openFolders = new Set<string>()

/** An index in a Level database: this host's cache. */
export class LevelIndex implements IndexStore {
  readonly #database: Database
  readonly #repositoryId: string

  constructor (database: Database, repositoryId: string) {
    this.#database = database
    this.#repositoryId = repositoryId
  }

  async loaded (): Promise<LoadedSegment[]> {
    const values = await this.#attempt(async () => await this.#database.values({ gte: Buffer.from(SEGMENT), lt: after(SEGMENT) }).all())
    return values.map(value => JSON.parse(value.toString()) as LoadedSegment) // Written by `add` below.
  }

  async add (segment: string, packs: readonly PackListing[]): Promise<void> {
    await this.#attempt(async () => { await this.#add(segment, packs) })
  }

  async drop (segments: readonly string[]): Promise<void> {
    await this.#attempt(async () => { await this.#database.batch(segments.map(name => ({ type: 'del', key: segmentKey(name) }))) })
  }

  find (address: Address): readonly Copy[] {
    try {
      return decoded(this.#database.getSync(blobKey(address)))
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async * entries (): AsyncGenerator<readonly [Address, readonly Copy[]]> {
    const iterator = this.#database.iterator({ gte: Buffer.from(BLOB), lt: after(BLOB) })
    try {
      for (;;) {
        const batch = await this.#attempt(async () => await iterator.nextv(BATCH))
        if (batch.length === 0) return
        for (const [key, value] of batch) yield [addressFromBytes(key.subarray(1)), decoded(value)]
      }
    } finally {
      await iterator.close()
    }
  }

  async clear (): Promise<void> {
    await this.#attempt(async () => {
      await this.#database.clear()
      await this.#database.put(REPOSITORY_KEY, Buffer.from(this.#repositoryId))
    })
  }

  async close (): Promise<void> {
    await this.#database.close()
    openFolders.delete(this.#database.location)
  }

  async #add (segment: string, packs: readonly PackListing[]): Promise<void> {
    const batch = this.#database.batch()
    try {
      const found = collectCopies(packs)
      for (let start = 0; start < found.length; start += BATCH) {
        const part = found.slice(start, start + BATCH)
        const keys = part.map(([address]) => blobKey(address))
        const known = await this.#database.getMany(keys)
        part.forEach(([, copies], i) => {
          batch.put(keys[i]!, encodeCopies(mergeCopies(decoded(known[i]), copies)))
        })
      }
      batch.put(segmentKey(segment), Buffer.from(JSON.stringify(loadedSegment(segment, packs))))
      await batch.write()
    } finally {
      await batch.close()
    }
  }

  async #attempt<T> (act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure (cause: unknown): BackupError {
    const text = cause instanceof Error ? cause.message : String(cause)
    const code = text.includes('No space left') ? 'STORAGE_FULL' : systemCode(cause) === 'LEVEL_CORRUPTION' ? 'INDEX_CORRUPT' : 'STORAGE_IO'
    const { location } = this.#database
    return new BackupError(code, `the cache of the index in ${location} fails: ${text}; it may be deleted at any time`, { data: { location }, cause })
  }
}

/**
 * Opens the first slot below `folder` that no other process holds; what it has of another repository is thrown away.
 * Undefined when the folder cannot be used: the caller then does without.
 */
export async function openLevelIndex (folder: string, repositoryId: string): Promise<LevelIndex | undefined> {
  const database = await openFreeSlot(folder)
  if (database === undefined) return undefined
  const index = new LevelIndex(database, repositoryId)
  const owner = await database.get(REPOSITORY_KEY)
  if (owner?.toString() !== repositoryId) await index.clear()
  return index
}

async function openFreeSlot (folder: string): Promise<Database | undefined> {
  for (let slot = 0; slot < SLOTS; slot++) {
    const path = resolve(folder, String(slot))
    if (openFolders.has(path)) continue
    openFolders.add(path)
    const opened = await openOrReplace(path)
    if (typeof opened !== 'string') return opened
    openFolders.delete(path)
    if (opened === 'damaged') return undefined
  }
  return undefined
}

async function openOrReplace (path: string): Promise<Database | 'locked' | 'damaged'> {
  const opened = await openSlot(path)
  if (opened !== 'damaged') return opened
  await setAside(path)
  return await openSlot(path)
}

async function openSlot (path: string): Promise<Database | 'locked' | 'damaged'> {
  const database: Database = new Level(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await database.open()
    return database
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    return systemCode(cause) === 'LEVEL_LOCKED' ? 'locked' : 'damaged'
  }
}

/** The rename frees the name at once, whatever happens to the removal. */
async function setAside (path: string): Promise<void> {
  const aside = `${path}.damaged-${process.pid}`
  try {
    await rename(path, aside)
    await rm(aside, { recursive: true, force: true })
  } catch {
    // A read-only folder, or another process was quicker: the second try to open tells.
  }
}

function collectCopies (packs: readonly PackListing[]): Array<readonly [Address, readonly Copy[]]> {
  const found = new Map<Address, readonly Copy[]>()
  for (const pack of packs) {
    for (const [address, copy] of copiesIn(pack)) found.set(address, mergeCopies(found.get(address) ?? [], [copy]))
  }
  return [...found]
}

/** A damaged value counts as none: the blob is found through a refill, or stored once more. */
function decoded (value: Buffer | undefined): readonly Copy[] {
  return value === undefined ? [] : decodeCopies(value) ?? []
}

function blobKey (address: Address): Buffer {
  return Buffer.concat([Buffer.from(BLOB), addressToBytes(address)])
}

function segmentKey (name: string): Buffer {
  return Buffer.from(SEGMENT + name)
}
