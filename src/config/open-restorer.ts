import type { Restorer } from '../sources/source.ts'
import type { RestoreTargets } from './restore-targets.ts'
import type { FilesConfig, MatricesConfig, PostgresConfig, QdrantConfig, SourceConfig } from './source-config.ts'
import { targetAsSource } from './target-overrides.ts'

/**
 * Brings artifacts of the source `source` back to its target, or where `targets` say; loads the code for its kind alone. Connects to nothing yet.
 * @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION`
 */
export async function openRestorer (source: SourceConfig, targets: RestoreTargets): Promise<Restorer> {
  const config = targetAsSource(source, targets.overrides[source.name])
  switch (config.kind) {
    case 'postgres': return await openPostgresRestorer(config, targets)
    case 'qdrant': return await openQdrantRestorer(config, targets)
    case 'files': return await openFilesRestorer(config, targets)
    case 'matrices': return await openMatrixRestorer(config, targets)
  }
}

async function openPostgresRestorer (config: PostgresConfig, { overrides, replace, disconnect, skipOwners }: RestoreTargets): Promise<Restorer> {
  const [{ postgresRestorer }, { openDatabase }] = await Promise.all([import('../sources/postgres/restorer.ts'), import('./open-postgres.ts')])
  const { mode = 'create', schemas } = overrides[config.name] ?? {}
  const { name, pgDump } = config
  const { server, database } = await openDatabase(config)
  return postgresRestorer({
    name, mode, server, database, owners: skipOwners ? 'skip' : 'keep',
    ...(mode === 'create' && replace && { replace: 'swap', disconnect }),
    // Looking at the target takes one connection more than this, and the transaction that changes it needs another at the same time.
    ...(mode === 'in-place' && { concurrency: Math.max(1, server.maxConnections - 3) }),
    ...(schemas !== undefined && { schemas }), ...(pgDump !== undefined && { pgDump }),
  })
}

async function openQdrantRestorer ({ name, url, apiKey, digest }: QdrantConfig, { overrides, replace }: RestoreTargets): Promise<Restorer> {
  const { qdrantRestorer } = await import('../sources/qdrant/qdrant-restorer.ts')
  const { collections } = overrides[name] ?? {}
  return qdrantRestorer({
    name, url, apiKey: await apiKey?.reveal(), replace: existing(replace), verify: digest === 'points' ? 'points' : 'count',
    // A copy under another name must not take the original's aliases.
    ...(collections !== undefined && { collections, aliases: 'skip' }),
  })
}

async function openFilesRestorer ({ name, folder }: FilesConfig, { replace, files, skipOwners }: RestoreTargets): Promise<Restorer> {
  const { filesRestorer } = await import('../sources/files/files-restorer.ts')
  return filesRestorer({ name, folder, replace: existing(replace), only: files, ...(skipOwners && { owners: 'skip' }) })
}

async function openMatrixRestorer ({ name, place }: MatricesConfig, { replace }: RestoreTargets): Promise<Restorer> {
  const [{ matrixRestorer }, { openMatrixStore }] = await Promise.all([import('../sources/matrix/matrix-restorer.ts'), import('./open-matrices.ts')])
  return matrixRestorer({ name, store: await openMatrixStore(place), replace: existing(replace) })
}

/** What is done with what is there. */
function existing (replace: boolean): 'swap' | 'refuse' {
  return replace ? 'swap' : 'refuse'
}
