import { join, relative, resolve, sep } from 'node:path'
import { BackupError } from '../errors.ts'
import { DirectoryBackend } from '../storage/directory-backend.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { IndexStore } from './index-store.ts'
import { LEVEL_FOLDER } from './layout.ts'
import { openLevelIndex } from './level-index.ts'
import { MemoryIndex } from './memory-index.ts'

/**
 * Where the cache of the index is unless the caller says otherwise: beside the packs if they are on this host's disk. What it
 * has must not stand in a sealed repository. @throws {BackupError} `INVALID_OPTION` for a folder in one
 */
export function cacheFolderOf (backend: StorageBackend, isSealed: boolean, wanted?: string | false): string | false {
  if (!isSealed) return wanted ?? (backend instanceof DirectoryBackend && join(backend.location, LEVEL_FOLDER))
  if (typeof wanted === 'string' && backend instanceof DirectoryBackend && isWithin(backend.location, wanted)) {
    throw new BackupError('INVALID_OPTION', `the cache of a sealed repository must not be in it: ${wanted}`, { data: { folder: wanted } })
  }
  return wanted ?? false
}

function isWithin (folder: string, path: string): boolean {
  const way = relative(folder, resolve(path))
  return way !== '..' && !way.startsWith(`..${sep}`)
}

/** The cache in `folder`; an index in memory without a folder, or if it cannot be used. */
export async function openIndexStore (folder: string | false, repositoryId: string): Promise<IndexStore> {
  const level = folder === false ? undefined : await openLevelIndex(folder, repositoryId)
  return level ?? new MemoryIndex()
}
