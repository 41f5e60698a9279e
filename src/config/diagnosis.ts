import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import type { Repository } from '../cas/repository.ts'
import { pendingRestores } from '../engine/restore-journal.ts'
import { listViews } from '../engine/snapshot-view.ts'
import { BackupError } from '../errors.ts'
import type { BackupErrorCode } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { rotationBegun } from '../trust/keys/key-changes.ts'
import { readKeyRecords } from '../trust/keys/key-records.ts'
import { isOurs, liveSlots } from '../trust/keys/slots.ts'
import type { UnlockedKeys } from '../trust/keys/unlocked-keys.ts'
import { diagnoseFolder } from './diagnose-folder.ts'
import type { Config } from './load-config.ts'
import type { MatrixPlace, PostgresConfig, QdrantConfig, SourceConfig } from './source-config.ts'
import { openFromConfig } from './open-config.ts'
import { openMatrixStore } from './open-matrices.ts'

/** One thing that was looked at. */
export interface Check {
  /** `node`, `repository`, or the name of a source. */
  readonly subject: string
  /** `warning`: it works, but perhaps not for long, or not as wanted. */
  readonly status: 'ok' | 'warning' | 'failed'
  readonly text: string
  /** Of a check that failed. */
  readonly code?: BackupErrorCode
}

/** What was found, without the subject. */
export type Found = Omit<Check, 'subject'>

const LITTLE_ROOM_BYTES = 1024 ** 3

/** Looks at everything a snapshot or restore needs, one thing after the other. Changes nothing; what fails becomes a check, not an error. */
export async function * diagnose (config: Config, options: AbortOptions = {}): AsyncGenerator<Check> {
  yield { subject: 'node', status: 'ok', text: process.version }
  yield { subject: 'configuration', status: 'ok', text: config.file ?? 'no file; from the environment and the command line' }
  yield * about('repository', diagnoseRepository(config, options), options)
  if (config.sources.length === 0) yield { subject: 'sources', status: 'failed', code: 'CONFIG_INVALID', text: 'none is configured: there is nothing to take a snapshot of' }
  for (const source of config.sources) yield * about(source.name, diagnoseSource(source, options), options)
}

async function * about (subject: string, found: AsyncIterable<Found>, { signal }: AbortOptions): AsyncGenerator<Check> {
  try {
    for await (const check of found) yield { subject, ...check }
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof BackupError)) throw error
    yield { subject, status: 'failed', code: error.code, text: error.message }
  }
}

function diagnoseSource (source: SourceConfig, options: AbortOptions): AsyncIterable<Found> {
  switch (source.kind) {
    case 'postgres': return diagnoseDatabase(source, options)
    case 'qdrant': return diagnoseCollections(source, options)
    case 'files': return diagnoseFolder(source.folder)
    case 'matrices': return 'folder' in source.place ? diagnoseFolder(source.place.folder) : diagnoseMetadata(source.place)
  }
}

async function * diagnoseDatabase (source: PostgresConfig, options: AbortOptions): AsyncGenerator<Found> {
  const { diagnosePostgres } = await import('./diagnose-postgres.ts')
  yield * diagnosePostgres(source, options)
}

async function * diagnoseCollections (source: QdrantConfig, options: AbortOptions): AsyncGenerator<Found> {
  const { diagnoseQdrant } = await import('./diagnose-qdrant.ts')
  yield * diagnoseQdrant(source, options)
}

async function * diagnoseMetadata (place: MatrixPlace): AsyncGenerator<Found> {
  const store = await openMatrixStore(place)
  const matrices = await store.list()
  yield { status: 'ok', text: `${store.location} holds ${matrices.length} matrices` }
}

async function * diagnoseRepository (config: Config, options: AbortOptions): AsyncGenerator<Found> {
  const { repository, keys, close } = await openFromConfig(config, options)
  try {
    if (repository.isWriteOnly) yield { status: 'ok', text: `${config.repository} is sealed, and can be written to only` }
    else yield { status: 'ok', text: `${config.repository} holds ${(await listViews(repository)).length} snapshots` }
    if (keys !== undefined) yield * diagnoseKeys(repository, keys)
    const pending = repository.isWriteOnly ? [] : await pendingRestores(repository)
    for (const { snapshot, started } of pending) yield { status: 'warning', text: `a restore of snapshot ${snapshot} begun at ${started} is not finished: \`caf restore --resume\` or \`--abort\`` }
    yield await writable(config.repository)
    yield await room(config.repository)
  } finally {
    await close()
  }
}

async function * diagnoseKeys ({ backend }: Repository, { generation, newest }: UnlockedKeys): AsyncGenerator<Found> {
  const records = await readKeyRecords(backend)
  const slots = liveSlots(records)
  yield { status: 'ok', text: `is sealed; generation ${generation} of its key has ${slots.length} slots` }
  for (const { id, label } of slots.filter(slot => !isOurs(slot, newest))) yield { status: 'warning', text: `slot ${id} (${label}) was made by somebody who could not open the repository: \`caf key remove ${id}\`` }
  for (const key of records.damaged.keys()) yield { status: 'warning', text: `${key} is damaged` }
  if (rotationBegun(records)) yield { status: 'warning', text: 'a rotation of the keys was not finished: `caf key rotate`' }
}

async function writable (folder: string): Promise<Found> {
  try {
    await access(folder, constants.W_OK)
    return { status: 'ok', text: 'may be written' }
  } catch {
    return { status: 'warning', text: 'may only be read: restores work, snapshots do not' }
  }
}

async function room (folder: string): Promise<Found> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const text = `${(free / 1024 ** 3).toFixed(1)} GiB are free`
  return free < LITTLE_ROOM_BYTES ? { status: 'warning', text: `only ${text}` } : { status: 'ok', text }
}
