import type { BigIntStats } from 'node:fs'
import { chmod, chown, lstat, rename } from 'node:fs/promises'
import { BackupError } from '../../errors.ts'
import type { Ownership } from './ownership.ts'
import type { RestoreMarker } from './restore-marker.ts'
import { inodeOf, removeFolder } from './staging-area.ts'
import type { StagingArea } from './staging-area.ts'
import { syncFolder } from './sync-folder.ts'
import { orAbsent } from './target-error.ts'

/** Gives the staged folder the owner and mode of the one it replaces, else those of any new folder. */
export async function adoptFolder ({ staged, target }: StagingArea, { owners }: Ownership): Promise<void> {
  const stats: BigIntStats | undefined = await orAbsent(async () => await lstat(target, { bigint: true }))
  if (stats !== undefined && owners === 'keep') await chown(staged, Number(stats.uid), Number(stats.gid))
  await chmod(staged, stats === undefined ? 0o777 & ~process.umask() : Number(stats.mode & 0o7777n))
}

/**
 * Puts the staged folder in the target's place and removes what was there. Each step is known by inodes from the one before,
 * so it goes on from wherever an earlier process was killed. Between the two renames there is no target.
 * @throws {BackupError} `TARGET_EXISTS` when something else came into one of the places
 */
export async function swapFolders (area: StagingArea, marker: RestoreMarker): Promise<void> {
  const present = await inodeOf(area.target)
  if (present !== marker.staged) {
    if (present !== null) await putAside(area, marker, present)
    await rename(area.staged, area.target)
    await syncFolder(area.parent)
  }
  if (marker.replaced === null || await inodeOf(area.replaced) !== marker.replaced) return
  await removeFolder(area.replaced)
  await syncFolder(area.parent)
}

/** Undoes what {@link swapFolders} did before the staged folder took the target's place. @throws {BackupError} `RESTORE_PENDING` after that; `TARGET_EXISTS` */
export async function swapBack (area: StagingArea, { staged, replaced }: RestoreMarker): Promise<void> {
  const present = await inodeOf(area.target)
  if (present === staged) {
    throw new BackupError('RESTORE_PENDING', `the restored folder ${area.target} is in its place already; finish the restore`, { data: { folder: area.target } })
  }
  if (replaced === null || await inodeOf(area.replaced) !== replaced) return
  if (present !== null) throw occupied(area.target)
  await rename(area.replaced, area.target)
  await syncFolder(area.parent)
}

async function putAside (area: StagingArea, { replaced }: RestoreMarker, present: string): Promise<void> {
  if (present !== replaced) throw occupied(area.target)
  if (await inodeOf(area.replaced) !== null) throw occupied(area.replaced)
  await rename(area.target, area.replaced)
  await syncFolder(area.parent)
}

function occupied (path: string): BackupError {
  return new BackupError('TARGET_EXISTS', `${path} was put there while the restore was at work; move it away`, { data: { path } })
}
