import { filesRestorer } from '../sources/files/files-restorer.ts'
import { matrixRestorer } from '../sources/matrix/matrix-restorer.ts'
import { postgresRestorer } from '../sources/postgres/restorer.ts'
import { qdrantRestorer } from '../sources/qdrant/qdrant-restorer.ts'
import type { Restorer } from '../sources/source.ts'
import { openMatrixStore } from './open-matrices.ts'
import { openDatabase } from './open-postgres.ts'
import type { RestoreTargets } from './restore-targets.ts'
import type { PostgresConfig, QdrantConfig, SourceConfig } from './source-config.ts'
import { targetAsSource } from './target-overrides.ts'

/** Brings artifacts of the source `source` back to its target, or where `targets` say. Connects to nothing yet. @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION` */
export async function openRestorer (source: SourceConfig, targets: RestoreTargets): Promise<Restorer> {
  const config = targetAsSource(source, targets.overrides[source.name])
  const replace = targets.replace ? 'swap' : 'refuse'
  switch (config.kind) {
    case 'postgres': return await openPostgresRestorer(config, targets)
    case 'qdrant': return await openQdrantRestorer(config, targets)
    case 'files': return filesRestorer({ name: config.name, folder: config.folder, replace, only: targets.files, ...(targets.skipOwners && { owners: 'skip' }) })
    case 'matrices': return matrixRestorer({ name: config.name, store: await openMatrixStore(config.place), replace })
  }
}

async function openPostgresRestorer (config: PostgresConfig, { overrides, replace, disconnect, skipOwners }: RestoreTargets): Promise<Restorer> {
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
  const { collections } = overrides[name] ?? {}
  return qdrantRestorer({
    name, url, apiKey: await apiKey?.reveal(), replace: replace ? 'swap' : 'refuse', verify: digest === 'points' ? 'points' : 'count',
    // A copy under another name must not take the original's aliases.
    ...(collections !== undefined && { collections, aliases: 'skip' }),
  })
}
