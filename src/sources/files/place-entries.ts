import { link, lstat, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
import type { FileEntry } from '../source.ts'
import { finishFolder } from './entry-attributes.ts'
import { walkFolder } from './folder-walk.ts'
import { OpenFiles } from './open-files.ts'
import type { Ownership } from './ownership.ts'
import { readEntry } from './read-tree.ts'
import { inodeOf } from './staging-area.ts'
import type { StagingArea } from './staging-area.ts'
import { syncFolder } from './sync-folder.ts'
import { onTarget, orAbsent } from './target-error.ts'
import { TreeGuard } from './tree-guard.ts'

export interface PlaceOptions {
  readonly ownership: Ownership
  /** True for folders whose attributes are set; the others only get what comes into them. */
  readonly isOurs: (path: string) => boolean
}

/**
 * Puts each staged entry into the target folder, file by file, and leaves everything else in it alone. The staged tree stays
 * whole until all is placed, so after a kill the same is simply done again.
 * @throws {BackupError} `TARGET_EXISTS` when a folder is needed where something else is
 */
export async function placeEntries (area: StagingArea, { ownership, isOurs }: PlaceOptions): Promise<void> {
  const guard = new TreeGuard()
  const files = new OpenFiles(area.staged)
  const finish = async (folders: readonly FileEntry[]): Promise<void> => {
    for (const folder of folders) {
      const place = join(area.target, folder.path)
      await onTarget(place, async () => { await (isOurs(folder.path) ? finishFolder(place, folder, ownership) : syncFolder(place)) })
    }
  }
  await ensureFolder(area.target, 0o777)
  for await (const found of walkFolder(area.staged)) {
    const entry = await readEntry(area.staged, found, files)
    if (entry === undefined) continue
    await finish(guard.arrive(entry))
    await onTarget(entry.path, async () => { await (entry.type === 'directory' ? ensureFolder(join(area.target, entry.path), 0o700) : placeFile(area, entry.path)) })
  }
  await finish(guard.end())
  await syncFolder(area.target)
  await syncFolder(area.parent)
}

async function ensureFolder (place: string, mode: number): Promise<void> {
  const stats = await orAbsent(async () => await lstat(place))
  if (stats === undefined) await mkdir(place, mode)
  else if (!stats.isDirectory()) throw new BackupError('TARGET_EXISTS', `${place} is no folder, but the restored files belong into one; move it away`, { data: { path: place } })
}

/** A second link is renamed over the old file: it is replaced whole, and the staged one stays. */
async function placeFile ({ staged, target, single }: StagingArea, path: string): Promise<void> {
  const from = join(staged, path)
  const to = join(target, path)
  if (await inodeOf(from) === await inodeOf(to)) return
  await rm(single, { force: true })
  try {
    await link(from, single)
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(systemCode(error) ?? '')) throw error
    await rename(from, to) // a file system without hard links
    return
  }
  await rename(single, to)
}
