import { BackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { CONFIG_KEY } from './layout.ts'
import { FORMAT, corrupt } from './record.ts'
import { ConfigRecord, createRecord, readRecord } from './records.ts'
import type { Sealing } from './sealing.ts'

/** Sizes of byte chunks, in bytes. */
export interface ChunkerSizes {
  readonly min: number
  readonly average: number
  readonly max: number
}

export interface RepositoryConfig {
  /** 32 hex digits. */
  readonly id: string
  /** When it was made, ISO 8601. */
  readonly created: string
  /** 16 bytes: the key of the cut rule. */
  readonly seed: Uint8Array
  readonly chunker: ChunkerSizes
  readonly abilities: {
    /** Of several writers that create an object at once exactly one wins, as far as could be seen. */
    readonly createIfAbsent: boolean
  }
  /** Id of the first key that a sealed repository is sealed with; undefined when it is not sealed. */
  readonly sealedWith?: string
}

/** How many writers race when a backend is probed. */
const RACERS = 8

/** @throws {BackupError} `REPOSITORY_MISSING`, `RECORD_CORRUPT`, `FORMAT_UNKNOWN`, `STORAGE_…` */
export async function readConfig (backend: StorageBackend, options?: AbortOptions): Promise<RepositoryConfig> {
  const record = await readRecord(backend, CONFIG_KEY, ConfigRecord, options)
  if (record === undefined) {
    throw new BackupError('REPOSITORY_MISSING', `there is no repository in ${backend.location}; create one first (init)`, { data: { location: backend.location } })
  }
  const { id, created, seed, chunker, abilities, sealing, key } = record
  if ((sealing === 'sealed') !== (key !== undefined)) throw corrupt(CONFIG_KEY, 'it does not say whether the repository is sealed')
  return { id, created, seed: Buffer.from(seed, 'hex'), chunker, abilities, ...(key === undefined ? {} : { sealedWith: key }) }
}

/** Writes the config of a new repository. @throws {BackupError} `REPOSITORY_EXISTS`, `INVALID_OPTION`, `STORAGE_UNSUITABLE`, `STORAGE_…` */
export async function createConfig (backend: StorageBackend, config: Omit<RepositoryConfig, 'abilities'>, options?: AbortOptions): Promise<void> {
  checkChunker(config.chunker)
  await refuseExisting(backend, await backend.size(CONFIG_KEY, options) === undefined)
  const { id, created, seed, chunker: { min, average, max }, sealedWith } = config
  const abilities = { createIfAbsent: await probeCreateIfAbsent(backend, id, options) }
  checkShareable({ backend, config: { abilities } })
  const sealing = sealedWith === undefined ? { sealing: 'none' } : { sealing: 'sealed', key: sealedWith }
  const record = { id, created, seed: Buffer.from(seed).toString('hex'), chunker: { min, average, max }, abilities, ...sealing }
  await refuseExisting(backend, await createRecord(backend, CONFIG_KEY, record, options))
}

/** @throws {BackupError} `KEY_NEEDED`; `INVALID_OPTION` for keys that would seal nothing, since somebody may have changed the config */
export async function checkSealing (
  { location }: StorageBackend, { sealedWith }: RepositoryConfig, sealing: Sealing | undefined, { writeOnly }: { readonly writeOnly: boolean }
): Promise<void> {
  if (writeOnly && sealing?.current.wrap === undefined) {
    throw new BackupError('INVALID_OPTION', 'write-only is for a sealing of which the key stands wrapped in what it seals; else nobody could open that')
  }
  if (sealedWith === undefined) {
    if (sealing === undefined) return
    throw new BackupError('INVALID_OPTION', `the repository in ${location} is not sealed, so nothing may be sealed in it; open it without keys`, { data: { location } })
  }
  if (sealing === undefined) {
    throw new BackupError('KEY_NEEDED', `the repository in ${location} is sealed; give its secret (JWT_SECRET) or the identity of one of its recipients`, { data: { location } })
  }
  if (writeOnly || sealing.current.id === sealedWith || await sealing.find(sealedWith) !== undefined) return
  throw new BackupError('KEY_NEEDED', `the keys given do not open the repository in ${location}: it is sealed with the key ${sealedWith}`, { data: { location, keyId: sealedWith } })
}

async function refuseExisting (backend: StorageBackend, isNew: boolean): Promise<void> {
  if (isNew) return
  throw new BackupError('REPOSITORY_EXISTS', `there is a repository in ${backend.location} already`, { data: { location: backend.location, format: FORMAT } })
}

/**
 * Outcomes, plans and finals are each made by one of all who try; without that a collector and a writer could both be right.
 * @throws {BackupError} `STORAGE_UNSUITABLE`
 */
export function checkShareable ({ backend: { location }, config }: { readonly backend: Pick<StorageBackend, 'location'>, readonly config: Pick<RepositoryConfig, 'abilities'> }): void {
  if (config.abilities.createIfAbsent) return
  const message = `in ${location} more than one of several processes can create the same object, so they would lose each other's snapshots; put the repository on a local disk or another file system`
  throw new BackupError('STORAGE_UNSUITABLE', message, { data: { location } })
}

/** A race that one writer wins proves that creating is atomic; it does not prove that listings are. */
async function probeCreateIfAbsent (backend: StorageBackend, id: string, options?: AbortOptions): Promise<boolean> {
  const key = `metadata/probe-${id}`
  const racers = Array.from({ length: RACERS }, (_, i) => Buffer.from(`racer ${i}`))
  try {
    const won = await Promise.all(racers.map(async racer => await backend.put(key, racer, { ...options, whenPresent: 'keep' })))
    const stored = await backend.get(key, options)
    const winner = racers[won.indexOf(true)]
    return won.filter(Boolean).length === 1 && stored !== undefined && winner?.equals(stored) === true
  } finally {
    await backend.delete(key)
  }
}

function checkChunker ({ min, average, max }: ChunkerSizes): void {
  const whole = [min, average, max].every(Number.isSafeInteger)
  if (whole && min >= 64 && min <= average && average <= max && max <= 16 * 1024 * 1024 && Number.isInteger(Math.log2(average))) return
  const message = 'chunk sizes must be 64 <= min <= average <= max <= 16 MiB, and average a power of two'
  throw new BackupError('INVALID_OPTION', message, { data: { min, average, max } })
}
