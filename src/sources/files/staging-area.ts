import { chmod, lstat, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
import { createMarker, FIRST_MARKER, readMarker, removeMarker, replaceMarker } from './restore-marker.ts'
import type { RestoreMarker } from './restore-marker.ts'
import { orAbsent } from './target-error.ts'

/** The places of a restore: all of them beside the target, so that a rename brings one to the other. */
export class StagingArea {
  /** Where the tree shall be. */
  readonly target: string
  /** Where it is built. */
  readonly staged: string
  /** Where the target waits for its removal. */
  readonly replaced: string
  /** Where a single file waits for its place. */
  readonly single: string
  readonly parent: string
  readonly #marker: string

  constructor (folder: string) {
    this.target = resolve(folder)
    this.parent = dirname(this.target)
    const name = basename(this.target)
    this.staged = join(this.parent, `${name}__restoring`)
    this.replaced = join(this.parent, `${name}__replaced`)
    this.single = join(this.parent, `${name}__restoring.file`)
    this.#marker = join(this.parent, `${name}__restoring.json`)
  }

  inTarget (path: string): string {
    return join(this.target, path)
  }

  async marker (): Promise<RestoreMarker | undefined> {
    return await readMarker(this.#marker)
  }

  async record (marker: RestoreMarker): Promise<void> {
    await replaceMarker(this.#marker, marker)
  }

  /** Makes the empty staged folder, which nobody else may enter before it is done. @throws {BackupError} `TARGET_EXISTS` */
  async make (): Promise<RestoreMarker> {
    await createMarker(this.#marker)
    await this.#makeFolder()
    const marker: RestoreMarker = { ...FIRST_MARKER, stage: 'preparing', staged: await inodeOf(this.staged) }
    await this.record(marker)
    return marker
  }

  /** Removes the staged folder and then the marker, whatever of them is there, and nothing that is not ours. */
  async clear ({ staged }: RestoreMarker): Promise<void> {
    if (staged === null) await rmdirIfEmpty(this.staged)
    else if (await inodeOf(this.staged) === staged) await removeFolder(this.staged)
    await rm(this.single, { force: true })
    await removeMarker(this.#marker)
  }

  async #makeFolder (): Promise<void> {
    try {
      await mkdir(this.staged, 0o700)
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
      await removeMarker(this.#marker)
      throw new BackupError('TARGET_EXISTS', `${this.staged} is there and not from a restore; move it away`, { data: { path: this.staged }, cause: error })
    }
  }
}

/** The inode of what is at `path` (of a symlink its own), or null. */
export async function inodeOf (path: string): Promise<string | null> {
  const stats = await orAbsent(async () => await lstat(path, { bigint: true }))
  return stats === undefined ? null : stats.ino.toString()
}

/** True for a folder, also for one that a symlink leads to. */
export async function isFolder (path: string): Promise<boolean> {
  return (await orAbsent(async () => await stat(path)))?.isDirectory() === true
}

/** Removes a folder with all it holds, also what its owner has no right to enter. */
export async function removeFolder (path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    if (systemCode(error) !== 'EACCES' && systemCode(error) !== 'EPERM') throw error
    await unlock(path)
    await rm(path, { recursive: true, force: true })
  }
}

async function unlock (folder: string): Promise<void> {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlock(join(folder, entry.name))
  }
}

async function rmdirIfEmpty (path: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'ENOTDIR', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
  }
}
