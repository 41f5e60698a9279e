import type { Source } from '../sources/source.ts'
import type { FilesConfig, MatricesConfig, PostgresConfig, QdrantConfig, SourceConfig } from './source-config.ts'

/**
 * The source that a part of the configuration describes; loads the code for sources of its kind alone. Connects to nothing yet.
 * @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION`
 */
export async function openSource (config: SourceConfig): Promise<Source> {
  switch (config.kind) {
    case 'postgres': return await openPostgresSource(config)
    case 'qdrant': return await openQdrantSource(config)
    case 'files': return await openFilesSource(config)
    case 'matrices': return await openMatrixSource(config)
  }
}

async function openPostgresSource (config: PostgresConfig): Promise<Source> {
  const [{ postgresSource }, { openDatabase }] = await Promise.all([import('../sources/postgres/postgres-source.ts'), import('./open-postgres.ts')])
  const { name, schemas, excludeSchemas, excludeTables, pgDump, reads, fullReadEvery } = config
  const { server, database } = await openDatabase(config)
  return postgresSource({
    name, server, database, connections: server.maxConnections,
    ...(schemas !== undefined && { schemas }), ...(excludeSchemas !== undefined && { excludeSchemas }), ...(pgDump !== undefined && { pgDump }),
    ...(reads !== undefined && { reads }), ...(fullReadEvery !== undefined && { fullReadEvery }),
    ...(excludeTables !== undefined && { excludeTables: excludeTables.map(splitTable) }),
  })
}

/** At the first dot: a schema's name rarely has one. */
function splitTable (name: string): { schema: string, table: string } {
  const dot = name.indexOf('.')
  return { schema: name.slice(0, dot), table: name.slice(dot + 1) }
}

async function openQdrantSource ({ name, url, apiKey, collections, digest }: QdrantConfig): Promise<Source> {
  const { qdrantSource } = await import('../sources/qdrant/qdrant-source.ts')
  return qdrantSource({ name, url, apiKey: await apiKey?.reveal(), collections, digest })
}

async function openFilesSource (config: FilesConfig): Promise<Source> {
  const { filesSource } = await import('../sources/files/files-source.ts')
  return filesSource(config)
}

async function openMatrixSource (config: MatricesConfig): Promise<Source> {
  const [{ matrixSource }, { describeMatrix, openMatrixStore }] = await Promise.all([import('../sources/matrix/matrix-source.ts'), import('./open-matrices.ts')])
  return matrixSource({ name: config.name, store: await openMatrixStore(config.place), describe: describeMatrix(config) })
}
