import { constants } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
import { orAbsent } from './target-error.ts'
import { syncFolder } from './sync-folder.ts'

/** How far a restore into a folder is, on disk beside it, so that a new process knows what is ours. */
export interface RestoreMarker {
  readonly format: 1
  readonly kind: 'caf-files-restore'
  /** `making`: the staged folder may or may not be there, and is empty. `committed`: it only waits for its removal. */
  readonly stage: 'making' | 'preparing' | 'prepared' | 'committing' | 'committed'
  /** Inode of the folder that we made; null while it is being made. */
  readonly staged: string | null
  /** When committing: inode of the folder that is replaced; null if there was none. */
  readonly replaced: string | null
  /** When committing single entries: folders above them that were not there, whose attributes are ours to set. */
  readonly missing: readonly string[]
}

export const FIRST_MARKER: RestoreMarker = { format: 1, kind: 'caf-files-restore', stage: 'making', staged: null, replaced: null, missing: [] }

/** @throws {BackupError} `TARGET_EXISTS` when something else has its name */
export async function readMarker (path: string): Promise<RestoreMarker | undefined> {
  const text = await orAbsent(async () => await readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NOFOLLOW }))
  if (text === undefined) return undefined
  if (text === '') return FIRST_MARKER // of a process that was killed before it wrote it
  try {
    const value = JSON.parse(text) as unknown
    if (isMarker(value)) return value
  } catch {
    // reported below
  }
  throw new BackupError('TARGET_EXISTS', `${path} is not from a restore, but has the name that one needs; move it away`, { data: { path } })
}

/** Makes the marker; exactly one of several restores into one folder can. @throws {BackupError} `TARGET_EXISTS` */
export async function createMarker (path: string): Promise<void> {
  try {
    await write(path, FIRST_MARKER)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    throw new BackupError('TARGET_EXISTS', `another restore is working at ${path}`, { data: { path }, cause: error })
  }
  await syncFolder(dirname(path))
}

export async function replaceMarker (path: string, marker: RestoreMarker): Promise<void> {
  await rm(temporary(path), { force: true }) // of a process that was killed while it wrote
  await write(temporary(path), marker)
  await rename(temporary(path), path)
  await syncFolder(dirname(path))
}

export async function removeMarker (path: string): Promise<void> {
  await rm(temporary(path), { force: true })
  await rm(path, { force: true })
  await syncFolder(dirname(path))
}

/** The text goes out in one piece, so that a kill leaves none or all of it. */
async function write (path: string, marker: RestoreMarker): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.write(`${JSON.stringify(marker, null, 2)}\n`)
    await handle.sync()
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

function temporary (path: string): string {
  return `${path}.new`
}

function isMarker (value: unknown): value is RestoreMarker {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === FIRST_MARKER.kind && 'format' in value && value.format === FIRST_MARKER.format
}
