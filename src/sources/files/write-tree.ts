import { closeSync, constants, fsync, openSync, writeSync } from 'node:fs'
import { link, lstat, mkdir, open, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { FileEntry } from '../source.ts'
import { DiskPlace } from './disk-place.ts'
import { finishFolder, setAttributes, setAttributesNow, setLinkAttributes } from './entry-attributes.ts'
import type { Ownership } from './ownership.ts'
import { HOLE_BYTES, SparseWriter } from './sparse-writer.ts'
import { syncFolder } from './sync-folder.ts'
import { onTarget, orAbsent } from './target-error.ts'
import { checkPath, TreeGuard } from './tree-guard.ts'

export interface WriteTreeOptions extends AbortOptions {
  readonly ownership: Ownership
}

/** Files written at once whose contents come in pieces. */
const LARGE_AT_ONCE = 8
/** Small ones: those that are synced side by side share a commit of the file system's journal, as far as there are threads for it. */
const SMALL_AT_ONCE = 32

/** Entries in their order; read twice. */
export type Entries = (options: AbortOptions) => AsyncIterable<FileEntry>

/**
 * Writes a tree that nobody vouches for into the empty folder `root`, durably. Symlinks are made when everything else is
 * there, so nothing is ever written or linked through one; folders get their attributes when nothing more comes into them.
 * @throws {BackupError} `TREE_INVALID`, `STORAGE_FULL`, `SOURCE_DENIED`, `TARGET_FAILED`
 */
export async function writeTree (root: string, entries: Entries, options: WriteTreeOptions): Promise<void> {
  await writeFiles(root, entries, options)
  await finishTree(root, entries, options)
}

/** Folders, files and hard links. */
async function writeFiles (root: string, entries: Entries, { signal, ownership }: WriteTreeOptions): Promise<void> {
  const failed = new AbortController()
  const stop = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])])
  const guard = new TreeGuard()
  const isNear = (await DiskPlace.of(root)).isLocal
  const large = new Set<Promise<unknown>>()
  const small = new Set<Promise<unknown>>()
  const begin = async (entry: FileEntry): Promise<void> => {
    const isSmall = isNear && entry.sizeBytes < HOLE_BYTES
    const [writing, write, atOnce] = isSmall ? [small, writeSmall, SMALL_AT_ONCE] : [large, writePieces, LARGE_AT_ONCE]
    const one = write(root, entry, { ownership, signal: stop }).catch((error: unknown) => { failed.abort(error) }).finally(() => writing.delete(one))
    writing.add(one)
    if (writing.size >= atOnce) await Promise.race(writing)
  }
  const ended = async (): Promise<void> => { await Promise.all([...small, ...large]) }
  try {
    for await (const entry of entries({ signal: stop })) {
      stop.throwIfAborted()
      guard.arrive(entry)
      if (entry.type === 'directory') await onTarget(entry.path, async () => await mkdir(join(root, entry.path), 0o700))
      if (entry.type === 'hardlink') {
        await ended()
        await writeHardLink(root, entry)
      }
      if (entry.type === 'file') await begin(entry)
    }
  } finally {
    await ended()
  }
  stop.throwIfAborted()
}

const sync = promisify(fsync)

/** A new file, in place of nothing. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** A file too small to have holes, on a disk where writing a little takes no time to speak of until it has to be durable: all but the last step at once, which costs a fifth of the ways through the thread pool. */
async function writeSmall (root: string, entry: FileEntry, { ownership, signal }: WriteTreeOptions): Promise<void> {
  await onTarget(entry.path, async () => {
    const file = openSync(join(root, entry.path), FLAGS, 0o600)
    try {
      let length = 0
      for await (const piece of entry.read?.({ signal }) ?? []) {
        signal?.throwIfAborted()
        length += piece.length
        if (length > entry.sizeBytes) break
        for (let done = 0; done < piece.length;) done += writeSync(file, piece, done)
      }
      checkLength(entry, length)
      setAttributesNow(file, entry, ownership)
      await sync(file)
    } finally {
      closeSync(file)
    }
  })
}

function checkLength ({ path, sizeBytes }: FileEntry, length: number): void {
  if (length !== sizeBytes) throw new BackupError('TREE_INVALID', `${JSON.stringify(path)} should have ${sizeBytes} bytes and has ${length}`, { data: { path } })
}

async function writePieces (root: string, entry: FileEntry, { ownership, signal }: WriteTreeOptions): Promise<void> {
  await onTarget(entry.path, async () => {
    const handle = await open(join(root, entry.path), FLAGS, 0o600)
    try {
      const writer = new SparseWriter(handle)
      for await (const piece of entry.read?.({ signal }) ?? []) {
        signal?.throwIfAborted()
        await writer.write(piece)
      }
      checkLength(entry, await writer.end())
      await setAttributes(handle, entry, ownership)
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}

/** Its file comes before it; no symlink is there yet that the target could lead through. */
async function writeHardLink (root: string, { path, target = '' }: FileEntry): Promise<void> {
  checkPath(target)
  await onTarget(path, async () => {
    const stats = await orAbsent(async () => await lstat(join(root, target)))
    if (stats?.isFile() !== true) throw new BackupError('TREE_INVALID', `the hard link ${JSON.stringify(path)} leads to ${JSON.stringify(target)}, which is no file before it`, { data: { path, target } })
    await link(join(root, target), join(root, path))
  })
}

/** Symlinks, and then each folder's attributes. */
async function finishTree (root: string, entries: Entries, { signal, ownership }: WriteTreeOptions): Promise<void> {
  const guard = new TreeGuard()
  const finish = async (folders: readonly FileEntry[]): Promise<void> => {
    for (const folder of folders) await onTarget(folder.path, async () => { await finishFolder(join(root, folder.path), folder, ownership) })
  }
  for await (const entry of entries({ signal })) {
    signal?.throwIfAborted()
    await finish(guard.arrive(entry))
    if (entry.type === 'symlink') await writeSymlink(root, entry, ownership)
  }
  await finish(guard.end())
  await onTarget('.', async () => { await syncFolder(root) })
}

async function writeSymlink (root: string, entry: FileEntry, ownership: Ownership): Promise<void> {
  const { path, target = '' } = entry
  if (target === '' || target.includes('\0')) throw new BackupError('TREE_INVALID', `the symlink ${JSON.stringify(path)} leads nowhere`, { data: { path } })
  await onTarget(path, async () => {
    await symlink(target, join(root, path))
    await setLinkAttributes(join(root, path), entry, ownership)
  })
}
