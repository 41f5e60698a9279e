import { createRepository, openRepository } from '../cas/repository.ts'
import type { Repository } from '../cas/repository.ts'
import type { RecipeRunner } from '../engine/recipes.ts'
import { BackupError } from '../errors.ts'
import type { Restorer, Source } from '../sources/source.ts'
import { directoryBackend } from '../storage/directory-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { replaceable } from './history.ts'
import type { Config } from './load-config.ts'
import { matrixRecipe } from './open-matrices.ts'
import { openRestorer } from './open-restorer.ts'
import { openSource } from './open-source.ts'
import type { RestoreTargets } from './restore-targets.ts'
import type { SourceConfig } from './source-config.ts'

/** What a configuration names, opened. Sources and restorers are made when asked for: only then their secrets are needed. */
export interface OpenConfig {
  readonly repository: Repository
  /** What can be made again from what it depends on. */
  readonly recipes: readonly RecipeRunner[]
  /** The sources of these names, or all. @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION` for a name that is not configured */
  sources(names?: readonly string[]): Promise<readonly Source[]>
  /** One restorer a source, those whose commit can fail first. The engine closes them. */
  restorersFor(targets: RestoreTargets): Promise<readonly Restorer[]>
  /** Sources that read what those targets hold now and may be replaced. */
  historyFor(targets: RestoreTargets): Promise<readonly Source[]>
  close(): Promise<void>
}

/** Makes the repository that a configuration names. The caller closes it. @throws {BackupError} `REPOSITORY_EXISTS`, `STORAGE_…` */
export async function createFromConfig ({ repository: folder }: Config, options: AbortOptions = {}): Promise<Repository> {
  return await createRepository(directoryBackend(folder), options)
}

/** Opens what a configuration names; connects to no server yet. The caller closes it. @throws {BackupError} `REPOSITORY_MISSING`, `STORAGE_…` */
export async function openFromConfig ({ repository: folder, sources }: Config, options: AbortOptions = {}): Promise<OpenConfig> {
  const backend = directoryBackend(folder)
  const repository = await openRepository(backend, options)
  const within = ({ sources: names }: RestoreTargets): readonly SourceConfig[] => sources.filter(({ name }) => names.includes(name))
  return {
    repository,
    recipes: sources.filter(source => source.kind === 'qdrant').slice(0, 1).map(({ target }) => matrixRecipe(target)),
    sources: async names => await Promise.all(chosen(sources, names).map(openSource)),
    restorersFor: async targets => await Promise.all(within(targets).map(async source => await openRestorer(source, targets))),
    historyFor: async targets => await Promise.all((await replaceable(within(targets), targets, options)).map(openSource)),
    close: async () => {
      await repository.close()
      await backend.close()
    },
  }
}

function chosen (sources: readonly SourceConfig[], names: readonly string[] | undefined): readonly SourceConfig[] {
  const known = sources.map(({ name }) => name)
  if (known.length === 0) throw new BackupError('CONFIG_INVALID', 'no source is configured: write a caf.config.ts (docs/configuration.md), or set CAF_POSTGRES_URL, CAF_QDRANT_URL, CAF_FILES_FOLDER or CAF_MATRICES_FOLDER')
  const unknown = names?.find(name => !known.includes(name))
  if (unknown !== undefined) throw new BackupError('INVALID_OPTION', `no source ${unknown} is configured; there is ${known.join(', ')}`, { data: { source: unknown } })
  return names === undefined ? sources : sources.filter(({ name }) => names.includes(name))
}
