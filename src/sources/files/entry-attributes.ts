import { constants, fchmodSync, fchownSync, futimesSync } from 'node:fs'
import { lchown, lutimes, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { FileEntry } from '../source.ts'
import { timeText } from './file-time.ts'
import type { Ownership } from './ownership.ts'

/** Owner, mode and time of an open file or folder, in this order: a change of owner clears the set-user bit. */
export async function setAttributes (handle: FileHandle, entry: FileEntry, ownership: Ownership): Promise<void> {
  if (ownership.owners === 'keep') await handle.chown(entry.uid, entry.gid)
  await handle.chmod(ownership.mode(entry))
  await handle.utimes(timeText(entry.mtimeNs), timeText(entry.mtimeNs))
}

/** As {@link setAttributes}, at once. */
export function setAttributesNow (file: number, entry: FileEntry, ownership: Ownership): void {
  if (ownership.owners === 'keep') fchownSync(file, entry.uid, entry.gid)
  fchmodSync(file, ownership.mode(entry))
  futimesSync(file, timeText(entry.mtimeNs), timeText(entry.mtimeNs))
}

/** The attributes of a folder whose content is complete; durable afterwards, as are the names in it. */
export async function finishFolder (place: string, entry: FileEntry, ownership: Ownership): Promise<void> {
  const handle = await open(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    await setAttributes(handle, entry, ownership)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A symlink has no mode of its own. */
export async function setLinkAttributes (place: string, { uid, gid, mtimeNs }: FileEntry, { owners }: Ownership): Promise<void> {
  if (owners === 'keep') await lchown(place, uid, gid)
  await lutimes(place, timeText(mtimeNs), timeText(mtimeNs))
}
