import { createHash } from 'node:crypto'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AbortOptions, Bytes } from '../../stream.ts'
import type { FileEntry } from '../source.ts'
import type { FoundEntry } from './folder-walk.ts'
import { OpenFiles } from './open-files.ts'
import type { Ownership } from './ownership.ts'
import { readEntry } from './read-tree.ts'
import { sourceError } from './source-error.ts'
import { orAbsent } from './target-error.ts'
import { TreeGuard } from './tree-guard.ts'

export interface CompareOptions extends AbortOptions {
  readonly ownership: Ownership
  /** False for entries of which it is enough that they are there, as what they are. */
  readonly inFull?: (path: string) => boolean
}

/** The path of the first of `entries` that the folder `root` does not hold as it is; undefined if it holds all. */
export async function firstDifference (root: string, entries: AsyncIterable<FileEntry>, { ownership, inFull = () => true, signal }: CompareOptions): Promise<string | undefined> {
  const files = new OpenFiles(root)
  const guard = new TreeGuard()
  try {
    for await (const wanted of entries) {
      signal?.throwIfAborted()
      guard.arrive(wanted)
      const same = await holdsEntry(wanted, { root, files, ownership, signal, inFull: inFull(wanted.path) })
      if (!same) return wanted.path // what comes below it would be reached through a symlink, or not at all
    }
    return undefined
  } finally {
    await files.close()
  }
}

interface HoldsContext extends AbortOptions {
  readonly root: string
  readonly files: OpenFiles
  readonly ownership: Ownership
  readonly inFull: boolean
}

async function holdsEntry (wanted: FileEntry, { root, files, ownership, inFull, signal }: HoldsContext): Promise<boolean> {
  const found = await find(root, wanted.path)
  if (found === undefined) return false
  if (wanted.type === 'hardlink') return (await find(root, wanted.target ?? ''))?.stats.ino === found.stats.ino
  const entry = await readEntry(root, found, files)
  if (entry?.type !== wanted.type) return false
  if (!inFull) return true
  return sameAttributes(ownership.forgive(entry, wanted), wanted) && (wanted.type !== 'file' || await sameBytes(entry, wanted, signal))
}

async function find (root: string, path: string): Promise<FoundEntry | undefined> {
  try {
    const stats = await orAbsent(async () => await lstat(join(root, path), { bigint: true }))
    return stats === undefined ? undefined : { path, stats }
  } catch (error) {
    throw sourceError(error, path)
  }
}

/** True if everything but the content is the same. */
export function sameAttributes (one: FileEntry, other: FileEntry): boolean {
  return one.mode === other.mode && one.mtimeNs === other.mtimeNs && one.uid === other.uid && one.gid === other.gid &&
    one.sizeBytes === other.sizeBytes && one.target === other.target
}

async function sameBytes (one: FileEntry, other: FileEntry, signal: AbortSignal | undefined): Promise<boolean> {
  const [first, second] = await Promise.all([one, other].map(async entry => await digestOf(entry.read?.({ signal }))))
  return first === second
}

async function digestOf (bytes: Bytes | undefined): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes ?? []) hash.update(piece)
  return hash.digest('hex')
}
