import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { lstatSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { DiskPlace } from './disk-place.ts'
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
  /** Where the root lies. @default it may be far away */
  readonly disk?: DiskPlace | undefined
}

/** How many names of a folder are looked up at once. */
const LOOK_AHEAD = 32
/** A look that takes longer has waited for a slow disk: further ones do so side by side, while other work goes on. */
const SLOW_MS = 5

interface OpenFolder {
  readonly prefix: string
  /** True if looking something up in it takes no time to speak of, most of the time. */
  readonly isNear: boolean
  readonly listing: FolderListing
  readonly found: Map<string, BigIntStats | undefined>
}

/**
 * Everything below `root`, in ascending order of the paths' UTF-8 bytes. Holds the names of the folders on the way to
 * the current entry, nothing else.
 * @throws {BackupError} `SOURCE_CHANGED`, `SOURCE_DENIED`, `SOURCE_UNSUPPORTED` for a name that is not UTF-8
 */
export async function * walkFolder (root: string, options: WalkOptions = {}): AsyncGenerator<FoundEntry> {
  for await (const group of walkGroups(root, options)) {
    for (const found of group) yield found
  }
}

/** The same; those together that were looked up together, up to the next inside of a folder: waiting for each costs as much as looking it up. */
export async function * walkGroups (root: string, options: WalkOptions = {}): AsyncGenerator<readonly FoundEntry[]> {
  const { signal, onGone, disk = DiskPlace.unknown } = options
  let group: FoundEntry[] = []
  const folders: OpenFolder[] = [await openFolder(root, '', { expected: undefined, isNear: disk.isLocal })]
  for (let folder; (folder = folders.at(-1)) !== undefined;) {
    signal?.throwIfAborted()
    const step = folder.listing.next()
    if (step === undefined) {
      folders.pop()
      continue
    }
    const path = folder.prefix + nameOf(step.name, folder.prefix)
    const isKnown = folder.found.has(step.name)
    if (group.length > 0 && (!isKnown || step.act === 'inside')) {
      yield group
      group = []
    }
    if (!isKnown) await lookAhead(root, folder, step.name)
    const stats = folder.found.get(step.name)
    if (stats === undefined) {
      if (onGone === undefined) throw changed(path, 'was removed')
      onGone(path)
    } else if (step.act === 'inside') {
      folder.found.delete(step.name)
      const inside = await openIfThere(root, path, { expected: stats, isNear: disk.holds(stats) }, onGone)
      if (inside !== undefined) folders.push(inside)
    } else {
      if (stats.isDirectory()) folder.listing.enter(step.name)
      else folder.found.delete(step.name)
      group.push({ path, stats })
    }
  }
  if (group.length > 0) yield group
}

interface FolderFacts {
  /** What it was found to be; nothing is expected of the root. */
  readonly expected: BigIntStats | undefined
  readonly isNear: boolean
}

async function openIfThere (root: string, path: string, facts: FolderFacts, onGone: WalkOptions['onGone']): Promise<OpenFolder | undefined> {
  try {
    return await openFolder(root, path, facts)
  } catch (error) {
    if (onGone === undefined || !(error instanceof BackupError && error.code === 'SOURCE_CHANGED')) throw error
    onGone(path)
    return undefined
  }
}

/** Lists a folder and makes sure that it was the one that had been found: `readdir` would follow a symlink put there since. */
async function openFolder (root: string, path: string, { expected, isNear }: FolderFacts): Promise<OpenFolder> {
  const place = join(root, path)
  try {
    const names = await readdir(place, { encoding: 'latin1' })
    if (expected !== undefined && !isSame(expected, await lstat(place, { bigint: true }))) throw changed(path, 'was replaced')
    return { prefix: path === '' ? '' : `${path}/`, isNear, listing: new FolderListing(names), found: new Map() }
  } catch (error) {
    throw sourceError(error, path === '' ? root : path)
  }
}

function isSame (one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev && other.isDirectory()
}

/** Makes known what a name is, and those after it: a folder's stays known until its inside was entered. */
async function lookAhead (root: string, { prefix, isNear, listing, found }: OpenFolder, name: string): Promise<void> {
  const names = [name, ...listing.ahead(LOOK_AHEAD - 1)]
  const paths = names.map(ahead => prefix + textOf(ahead))
  const near = isNear ? statNear(root, paths) : []
  const stats = [...near, ...await Promise.all(paths.slice(near.length).map(async path => await statIfThere(root, path)))]
  await setImmediate() // the rest of the process gets its turn
  names.forEach((ahead, index) => found.set(ahead, stats[index]))
}

/**
 * Looks up what it can without waiting for the disk, which costs a tenth of the way through the thread pool. Stops after the
 * first look that was slow.
 */
function statNear (root: string, paths: readonly string[]): Array<BigIntStats | undefined> {
  const found: Array<BigIntStats | undefined> = []
  for (const path of paths) {
    const start = performance.now()
    try {
      found.push(lstatSync(`${root}/${path}`, { bigint: true, throwIfNoEntry: false }))
    } catch (error) {
      found.push(absentOr(error, path))
    }
    if (performance.now() - start > SLOW_MS) break
  }
  return found
}

async function statIfThere (root: string, path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(join(root, path), { bigint: true })
  } catch (error) {
    return absentOr(error, path)
  }
}

function absentOr (error: unknown, path: string): undefined {
  if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
  throw sourceError(error, path)
}

/** Anything but ASCII. */
const OTHER = /[\x80-\xff]/

function textOf (name: string): string {
  return OTHER.test(name) ? Buffer.from(name, 'latin1').toString() : name
}

function nameOf (name: string, prefix: string): string {
  if (!OTHER.test(name)) return name
  const bytes = Buffer.from(name, 'latin1')
  if (isUtf8(bytes)) return bytes.toString()
  const shown = prefix + name.replace(/[^\x20-\x7e]/g, byte => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
  throw new BackupError('SOURCE_UNSUPPORTED', `the name of "${shown}" is not UTF-8, so it cannot be stored faithfully; rename it`, { data: { path: shown } })
}
