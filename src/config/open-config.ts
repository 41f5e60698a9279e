import { createRepository, openRepository } from '../cas/repository.ts'
import type { Repository } from '../cas/repository.ts'
import { directoryBackend } from '../storage/directory-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Config } from './load-config.ts'

export interface OpenConfig {
  readonly repository: Repository
  close(): Promise<void>
}

/** Makes the repository that a configuration names. The caller closes it. @throws {BackupError} `REPOSITORY_EXISTS`, `STORAGE_…` */
export async function createFromConfig ({ repository: folder }: Config, options: AbortOptions = {}): Promise<Repository> {
  return await createRepository(directoryBackend(folder), options)
}

/** Opens the repository that a configuration names. The caller closes it. */
export async function openFromConfig ({ repository: folder }: Config, options: AbortOptions = {}): Promise<OpenConfig> {
  const backend = directoryBackend(folder)
  const repository = await openRepository(backend, options)
  return {
    repository,
    close: async () => {
      await repository.close()
      await backend.close()
    },
  }
}
