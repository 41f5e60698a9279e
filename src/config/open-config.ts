import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { createRepository, openRepository } from '../cas/repository.ts'
import type { Repository } from '../cas/repository.ts'
import type { Electorate } from '../engine/electorate.ts'
import type { RecipeRunner } from '../engine/recipes.ts'
import { BackupError } from '../errors.ts'
import type { Restorer, Source } from '../sources/source.ts'
import { directoryBackend } from '../storage/directory-backend.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { UnlockedKeys } from '../trust/keys/unlocked-keys.ts'
import type { Config } from './load-config.ts'
import { createSealing, openSealing } from './open-sealing.ts'
import type { SealedFor } from './open-sealing.ts'
import type { RestoreTargets } from './restore-targets.ts'
import type { SourceConfig } from './source-config.ts'

/** What a configuration names, opened. Sources and restorers are made when asked for: only then their secrets are needed, and their code is loaded. */
export interface OpenConfig {
  readonly repository: Repository
  /** Of a sealed repository; undefined also for who can only write. */
  readonly keys: UnlockedKeys | undefined
  /** What can be made again from what it depends on. */
  recipes(): Promise<readonly RecipeRunner[]>
  /** Who is asked about new snapshots. @throws {BackupError} `CONFIG_INVALID` for a policy that is none */
  electorate(): Promise<Electorate>
  /** The sources of these names, or all. @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION` for a name that is not configured */
  sources(names?: readonly string[]): Promise<readonly Source[]>
  /** One restorer a source, those whose commit can fail first. The engine closes them. */
  restorersFor(targets: RestoreTargets): Promise<readonly Restorer[]>
  /** Sources that read what those targets hold now and may be replaced. */
  historyFor(targets: RestoreTargets): Promise<readonly Source[]>
  close(): Promise<void>
}

/**
 * Makes the repository that a configuration names, sealed where somebody is named that it is sealed for. The caller closes it.
 * @throws {BackupError} `REPOSITORY_EXISTS`, `KEY_NEEDED`, `SECRET_WEAK`, `STORAGE_…`
 */
export async function createFromConfig (config: Config, { sealedFor, ...options }: AbortOptions & { readonly sealedFor?: SealedFor | undefined } = {}): Promise<Repository> {
  const backend = directoryBackend(config.repository)
  const { stateFolder } = config
  const keys = sealedFor && await createSealing(backend, config, sealedFor, options)
  const repository = await createRepository(backend, keys === undefined ? { ...options, log: { stateFolder } } : { ...options, sealing: keys, log: { keys, stateFolder }, cacheFolder: false })
  const { openLedger } = await import('../engine/ledger.ts')
  await openLedger(repository, { traceId: randomUUID(), ...options })
  return repository
}

/** Opens another repository to take blobs from, sealed for the same secret or not at all. The caller closes it and its backend. @throws {BackupError} `INVALID_OPTION` if it is the configured one; as {@link openFromConfig} */
export async function openDonor (config: Config, folder: string, options: AbortOptions = {}): Promise<Repository> {
  if (resolve(folder) === resolve(config.repository)) throw new BackupError('INVALID_OPTION', `${folder} is the repository that is to be repaired; name another one`, { data: { folder } })
  const { repository } = await openFolder({ ...config, repository: folder, sealing: { ...config.sealing, required: false, recipient: undefined } }, options)
  return repository
}

/** Opens what a configuration names; connects to no server yet. The caller closes it. @throws {BackupError} `REPOSITORY_MISSING`, `KEY_NEEDED`, `KEY_WRONG`, `STORAGE_…` */
export async function openFromConfig (config: Config, options: AbortOptions = {}): Promise<OpenConfig> {
  const { sources } = config
  const { backend, repository, keys } = await openFolder(config, options)
  const within = ({ sources: names }: RestoreTargets): readonly SourceConfig[] => sources.filter(({ name }) => names.includes(name))
  return {
    repository,
    keys,
    recipes: async () => {
      const { matrixRecipe } = await import('./open-matrices.ts')
      return sources.filter(source => source.kind === 'qdrant').slice(0, 1).map(({ target }) => matrixRecipe(target))
    },
    electorate: async () => {
      const { openElectorate } = await import('./open-electorate.ts')
      return await openElectorate(config.consensus, repository)
    },
    sources: async names => await openSources(chosen(sources, names)),
    restorersFor: async targets => {
      const { openRestorer } = await import('./open-restorer.ts')
      return await Promise.all(within(targets).map(async source => await openRestorer(source, targets)))
    },
    historyFor: async targets => {
      const { replaceable } = await import('./history.ts')
      return await openSources(await replaceable(within(targets), targets, options))
    },
    close: async () => {
      await repository.close()
      await backend.close()
    },
  }
}

async function openSources (sources: readonly SourceConfig[]): Promise<readonly Source[]> {
  const { openSource } = await import('./open-source.ts')
  return await Promise.all(sources.map(openSource))
}

async function openFolder (config: Config, options: AbortOptions): Promise<Pick<OpenConfig, 'repository' | 'keys'> & { readonly backend: StorageBackend }> {
  const backend = directoryBackend(config.repository)
  const sealed = await openSealing(backend, config, options)
  const log = { ...sealed?.repositoryOptions.log, stateFolder: config.stateFolder }
  const repository = await openRepository(backend, { ...options, ...sealed?.repositoryOptions, log })
  return { backend, repository, keys: sealed?.keys }
}

function chosen (sources: readonly SourceConfig[], names: readonly string[] | undefined): readonly SourceConfig[] {
  const known = sources.map(({ name }) => name)
  if (known.length === 0) throw new BackupError('CONFIG_INVALID', 'no source is configured: write a caf.config.ts (docs/configuration.md), or set CAF_POSTGRES_URL, CAF_QDRANT_URL, CAF_FILES_FOLDER or CAF_MATRICES_FOLDER')
  const unknown = names?.find(name => !known.includes(name))
  if (unknown !== undefined) throw new BackupError('INVALID_OPTION', `no source ${unknown} is configured; there is ${known.join(', ')}`, { data: { source: unknown } })
  return names === undefined ? sources : sources.filter(({ name }) => names.includes(name))
}
