import { lstat, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/** Bytes of all files in a folder, without the folders `except` (paths in it). */
export async function folderSize (folder: string, except: readonly string[] = []): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const inside = relative(folder, path)
    if (!entry.isFile() || except.some(left => inside.startsWith(left + sep))) continue
    bytes += (await lstat(path)).size
  }
  return bytes
}
