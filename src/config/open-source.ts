import { filesSource } from '../sources/files/files-source.ts'
import { matrixSource } from '../sources/matrix/matrix-source.ts'
import { postgresSource } from '../sources/postgres/postgres-source.ts'
import { qdrantSource } from '../sources/qdrant/qdrant-source.ts'
import type { Source } from '../sources/source.ts'
import { describeMatrix, openMatrixStore } from './open-matrices.ts'
import { openDatabase } from './open-postgres.ts'
import type { PostgresConfig, QdrantConfig, SourceConfig } from './source-config.ts'

/** The source that a part of the configuration describes. Connects to nothing yet. @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION` */
export async function openSource (config: SourceConfig): Promise<Source> {
  switch (config.kind) {
    case 'postgres': return await openPostgresSource(config)
    case 'qdrant': return await openQdrantSource(config)
    case 'files': return filesSource(config)
    case 'matrices': return matrixSource({ name: config.name, store: await openMatrixStore(config.place), describe: describeMatrix(config) })
  }
}

async function openPostgresSource (config: PostgresConfig): Promise<Source> {
  const { name, schemas, excludeSchemas, excludeTables, pgDump } = config
  const { server, database } = await openDatabase(config)
  return postgresSource({
    name, server, database, connections: server.maxConnections,
    ...(schemas !== undefined && { schemas }), ...(excludeSchemas !== undefined && { excludeSchemas }), ...(pgDump !== undefined && { pgDump }),
    ...(excludeTables !== undefined && { excludeTables: excludeTables.map(splitTable) }),
  })
}

/** At the first dot: a schema's name rarely has one. */
function splitTable (name: string): { schema: string, table: string } {
  const dot = name.indexOf('.')
  return { schema: name.slice(0, dot), table: name.slice(dot + 1) }
}

async function openQdrantSource ({ name, url, apiKey, collections, digest }: QdrantConfig): Promise<Source> {
  return qdrantSource({ name, url, apiKey: await apiKey?.reveal(), collections, digest })
}
