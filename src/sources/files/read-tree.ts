import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError } from '../../errors.ts'
import type { FileEntry } from '../source.ts'
import { stateOf } from './file-state.ts'
import { wholeMicroseconds } from './file-time.ts'
import { walkGroups } from './folder-walk.ts'
import type { FoundEntry, WalkOptions } from './folder-walk.ts'
import { HardLinks } from './hard-links.ts'
import type { OpenFiles } from './open-files.ts'
import { sourceError } from './source-error.ts'

export interface ReadTreeOptions extends WalkOptions {
  /** Where the files are opened; whoever made it closes it. */
  readonly files: OpenFiles
  /** When the reading began, in milliseconds since 1970. Files on the `disk` then tell their state. @default no file does */
  readonly beginMs?: number | undefined
  /** Called with each thing found, also with what is skipped. */
  readonly onFound?: (found: FoundEntry) => void
  /** Called with what cannot be stored: sockets, FIFOs and devices. */
  readonly onSkipped?: (path: string, what: string) => void
  /** Called when all was read. */
  readonly onEnd?: () => void
}

/** What is below `root` as entries, in their order. @throws {BackupError} `SOURCE_CHANGED`, `SOURCE_DENIED`, `SOURCE_UNSUPPORTED` */
export async function * readTree (root: string, { files, beginMs, onFound, onSkipped, onEnd, ...options }: ReadTreeOptions): AsyncGenerator<FileEntry> {
  const links = new HardLinks()
  const state = ({ stats }: FoundEntry): string | undefined => beginMs !== undefined && options.disk?.holds(stats) === true ? stateOf(stats, beginMs) : undefined
  for await (const group of walkGroups(root, options)) {
    for (const found of group) {
      onFound?.(found)
      const isFile = found.stats.isFile()
      const first = isFile ? links.firstPath(found) : undefined
      if (first !== undefined) yield { ...attributes(found), type: 'hardlink', target: first }
      else if (isFile) yield fileEntry(found, files, state(found))
      else {
        const entry = await readEntry(root, found, files)
        if (entry === undefined) onSkipped?.(found.path, kindOf(found.stats))
        else yield entry
      }
    }
  }
  onEnd?.()
}

function fileEntry (found: FoundEntry, files: OpenFiles, state?: string): FileEntry {
  return { ...attributes(found), type: 'file', sizeBytes: Number(found.stats.size), state, read: options => files.read(found, options), readNow: () => files.readNow(found) }
}

/** One thing by itself: a file with several links is a file. Undefined for what cannot be stored. */
export async function readEntry (root: string, found: FoundEntry, files: OpenFiles): Promise<FileEntry | undefined> {
  const { path, stats } = found
  if (stats.isFile()) return fileEntry(found, files)
  if (stats.isDirectory()) return { ...attributes(found), type: 'directory' }
  if (stats.isSymbolicLink()) return { ...attributes(found), type: 'symlink', target: await linkTarget(root, path) }
  return undefined
}

function attributes ({ path, stats }: FoundEntry): Omit<FileEntry, 'type'> {
  return { path, mode: Number(stats.mode & 0o7777n), mtimeNs: wholeMicroseconds(stats.mtimeNs), uid: Number(stats.uid), gid: Number(stats.gid), sizeBytes: 0 }
}

async function linkTarget (root: string, path: string): Promise<string> {
  try {
    const target = await readlink(join(root, path), { encoding: 'buffer' })
    if (isUtf8(target)) return target.toString()
  } catch (error) {
    throw sourceError(error, path)
  }
  throw new BackupError('SOURCE_UNSUPPORTED', `the symlink ${JSON.stringify(path)} points to a name that is not UTF-8, so it cannot be stored faithfully; replace it`, { data: { path } })
}

function kindOf (stats: BigIntStats): string {
  if (stats.isSocket()) return 'socket'
  return stats.isFIFO() ? 'FIFO' : 'device'
}
