import type { AbortOptions } from '../stream.ts'
import type { PostgresConfig, SourceConfig } from './source-config.ts'
import { targetAsSource } from './target-overrides.ts'
import type { TargetOverrides } from './target-overrides.ts'

/** Where a restore goes and what it may do there: plain data without secrets. */
export interface RestoreTargets {
  /** Names of the sources that are restored. */
  readonly sources: readonly string[]
  readonly overrides: TargetOverrides
  /** Paths in the files source, when only these are restored. */
  readonly files?: readonly string[]
  /** Replace what is there already. */
  readonly replace: boolean
  /** Throw out who is connected to a database that is replaced. */
  readonly disconnect: boolean
  readonly skipOwners: boolean
}

/** How databases are restored when not all of a snapshot is: into one that exists, or into a new one where there is none. */
export type DatabaseMode = 'create' | 'in-place'

/**
 * Decides for each database in which mode it is restored. To be done once: what is there changes while a restore goes on,
 * and whoever resumes it must do as it did.
 * @throws {BackupError} `SOURCE_UNREACHABLE`, `SOURCE_AUTH`
 */
export async function withDatabaseModes (targets: RestoreTargets, sources: readonly SourceConfig[], { partial, signal }: AbortOptions & { readonly partial: boolean }): Promise<RestoreTargets> {
  const overrides = { ...targets.overrides }
  for (const source of sources) {
    if (source.kind !== 'postgres' || !targets.sources.includes(source.name)) continue
    const override = overrides[source.name] ?? {}
    const inPlace = (partial || override.schemas !== undefined) && await isThere(targetAsSource(source, override), { signal })
    overrides[source.name] = { ...override, mode: inPlace ? 'in-place' : 'create' }
  }
  return { ...targets, overrides }
}

async function isThere (database: PostgresConfig, options: AbortOptions): Promise<boolean> {
  const { databaseExists } = await import('./open-postgres.ts')
  return await databaseExists(database, options)
}
