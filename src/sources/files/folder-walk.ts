import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { FolderListing } from './folder-listing.ts'
import { changed, sourceError } from './source-error.ts'

export interface FoundEntry {
  /** Relative to the walk's root, `/`-separated. */
  readonly path: string
  /** What `lstat` says: a symlink is never followed. */
  readonly stats: BigIntStats
}

export interface WalkOptions extends AbortOptions {
  /**
   * Called with what was listed and is gone a moment later, which then is left out. Without it that is an error.
   */
  readonly onGone?: ((path: string) => void) | undefined
}

/** How many names of a folder are looked up at once. */
const LOOK_AHEAD = 32

interface OpenFolder {
  readonly prefix: string
  readonly listing: FolderListing
  readonly found: Map<string, BigIntStats | undefined>
}

/**
 * Everything below `root`, in ascending order of the paths' UTF-8 bytes. Holds the names of the folders on the way to
 * the current entry, nothing else.
 * @throws {BackupError} `SOURCE_CHANGED`, `SOURCE_DENIED`, `SOURCE_UNSUPPORTED` for a name that is not UTF-8
 */
export async function * walkFolder (root: string, options: WalkOptions = {}): AsyncGenerator<FoundEntry> {
  const { signal, onGone } = options
  const folders: OpenFolder[] = [await openFolder(root, '', undefined)]
  for (let folder; (folder = folders.at(-1)) !== undefined;) {
    signal?.throwIfAborted()
    const step = folder.listing.next()
    if (step === undefined) {
      folders.pop()
      continue
    }
    const path = folder.prefix + nameOf(step.name, folder.prefix)
    const stats = await lookUp(root, folder, step.name)
    if (stats === undefined) {
      if (onGone === undefined) throw changed(path, 'was removed')
      onGone(path)
    } else if (step.act === 'inside') {
      folder.found.delete(step.name)
      const inside = await openIfThere(root, path, stats, onGone)
      if (inside !== undefined) folders.push(inside)
    } else {
      if (stats.isDirectory()) folder.listing.enter(step.name)
      else folder.found.delete(step.name)
      yield { path, stats }
    }
  }
}

async function openIfThere (root: string, path: string, stats: BigIntStats, onGone: WalkOptions['onGone']): Promise<OpenFolder | undefined> {
  try {
    return await openFolder(root, path, stats)
  } catch (error) {
    if (onGone === undefined || !(error instanceof BackupError && error.code === 'SOURCE_CHANGED')) throw error
    onGone(path)
    return undefined
  }
}

/** Lists a folder and makes sure that it was the one that had been found: `readdir` would follow a symlink put there since. */
async function openFolder (root: string, path: string, expected: BigIntStats | undefined): Promise<OpenFolder> {
  const place = join(root, path)
  try {
    const names = await readdir(place, { encoding: 'latin1' })
    if (expected !== undefined && !isSame(expected, await lstat(place, { bigint: true }))) throw changed(path, 'was replaced')
    return { prefix: path === '' ? '' : `${path}/`, listing: new FolderListing(names), found: new Map() }
  } catch (error) {
    throw sourceError(error, path === '' ? root : path)
  }
}

function isSame (one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev && other.isDirectory()
}

/** What is known of a name: a folder's stays known until its inside was entered. */
async function lookUp (root: string, { prefix, listing, found }: OpenFolder, name: string): Promise<BigIntStats | undefined> {
  if (!found.has(name)) {
    const names = [name, ...listing.ahead(LOOK_AHEAD - 1)]
    const stats = await Promise.all(names.map(async ahead => await statIfThere(root, prefix + textOf(ahead))))
    names.forEach((ahead, index) => found.set(ahead, stats[index]))
  }
  return found.get(name)
}

async function statIfThere (root: string, path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(join(root, path), { bigint: true })
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw sourceError(error, path)
  }
}

function textOf (name: string): string {
  return Buffer.from(name, 'latin1').toString()
}

function nameOf (name: string, prefix: string): string {
  const bytes = Buffer.from(name, 'latin1')
  if (isUtf8(bytes)) return bytes.toString()
  const shown = prefix + name.replace(/[^\x20-\x7e]/g, byte => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
  throw new BackupError('SOURCE_UNSUPPORTED', `the name of "${shown}" is not UTF-8, so it cannot be stored faithfully; rename it`, { data: { path: shown } })
}
