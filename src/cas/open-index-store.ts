import { join } from 'node:path'
import { DirectoryBackend } from '../storage/directory-backend.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { IndexStore } from './index-store.ts'
import { LEVEL_FOLDER } from './layout.ts'
import { openLevelIndex } from './level-index.ts'
import { MemoryIndex } from './memory-index.ts'

/** Where the cache of the index is unless the caller says otherwise: beside the packs if they are on this host's disk. */
export function defaultCacheFolder (backend: StorageBackend): string | false {
  return backend instanceof DirectoryBackend && join(backend.location, LEVEL_FOLDER)
}

/** The cache in `folder`; an index in memory without a folder, or if it cannot be used. */
export async function openIndexStore (folder: string | false, repositoryId: string): Promise<IndexStore> {
  const level = folder === false ? undefined : await openLevelIndex(folder, repositoryId)
  return level ?? new MemoryIndex()
}
