import { CONFIG_KEY } from '../cas/layout.ts'
import { createRepository, openRepository } from '../cas/repository.ts'
import type { OpenRepositoryOptions, Repository } from '../cas/repository.ts'
import { isBackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { createKeys } from '../trust/keys/create-keys.ts'
import { unlockKeys } from '../trust/keys/unlock-keys.ts'
import type { UnlockedKeys } from '../trust/keys/unlocked-keys.ts'

export interface OpenOrCreateOptions {
  /** Seals the repository when it is made, and opens a sealed one. @default it is not sealed */
  readonly secret?: string | undefined
  /** Folder outside of the repository, in which this host remembers what it has seen of the log. @default nothing is remembered */
  readonly stateFolder?: string | undefined
}

/**
 * The repository in the backend, made if there is none.
 * @throws {BackupError} `KEY_NEEDED`, `KEY_WRONG`, `SECRET_WEAK`, `REPOSITORY_BUSY`; `RECORD_CORRUPT`, `FORMAT_UNKNOWN`, `STORAGE_…`
 */
export async function openOrCreate (backend: StorageBackend, options: OpenOrCreateOptions = {}): Promise<Repository> {
  if (await backend.size(CONFIG_KEY) !== undefined) return await openWith(backend, options)
  try {
    const { secret } = options
    const keys = secret === undefined ? undefined : await createKeys(backend, { secret, label: 'secret' })
    return await createRepository(backend, accessOf(keys, options))
  } catch (error) {
    if (isBackupError(error, 'REPOSITORY_EXISTS')) return await openWith(backend, options) // another process was quicker
    throw error
  }
}

async function openWith (backend: StorageBackend, options: OpenOrCreateOptions): Promise<Repository> {
  const { secret } = options
  return await openRepository(backend, accessOf(secret === undefined ? undefined : await unlockKeys(backend, { secret }), options))
}

function accessOf (keys: UnlockedKeys | undefined, { stateFolder }: OpenOrCreateOptions): OpenRepositoryOptions {
  return keys === undefined ? { log: { stateFolder } } : { sealing: keys, log: { keys, stateFolder } }
}
