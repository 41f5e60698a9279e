import { BackupError, isBackupError } from '../errors.ts'
import { PostgresServer } from '../sources/postgres/server.ts'
import type { AbortOptions } from '../stream.ts'
import type { PostgresConfig, PostgresServerConfig } from './source-config.ts'

export interface DatabaseOnServer {
  readonly server: PostgresServer
  readonly database: string
}

/** The server and database that a source names. Does not connect yet. @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION` */
export async function openDatabase ({ url, password, database, replicaUrl, maxConnections }: PostgresServerConfig & Partial<PostgresConfig>): Promise<DatabaseOnServer> {
  const plain = withPassword(await url.reveal(), password)
  const replica = replicaUrl === undefined ? undefined : withPassword(await replicaUrl.reveal(), password)
  return {
    server: new PostgresServer({ url: plain, ...(replica !== undefined && { replicaUrl: replica }), ...(maxConnections !== undefined && { maxConnections }) }),
    database: database ?? databaseIn(plain),
  }
}

/** @throws {BackupError} `SOURCE_UNREACHABLE`, `SOURCE_AUTH` when the server cannot be asked */
export async function databaseExists (config: PostgresConfig, options: AbortOptions = {}): Promise<boolean> {
  const { server, database } = await openDatabase(config)
  try {
    await server.release(await server.connect(database, options))
    return true
  } catch (error) {
    if (isBackupError(error, 'SOURCE_MISSING')) return false
    throw error
  }
}

/** Puts a password from elsewhere into a URL that has none. */
function withPassword (url: string, password: string | undefined): string {
  const parsed = URL.parse(url)
  if (parsed === null || parsed.password !== '' || password === undefined || password === '') return url
  parsed.password = encodeURIComponent(password)
  return parsed.href
}

function databaseIn (url: string): string {
  const path = URL.parse(url)?.pathname.slice(1) ?? ''
  if (path === '') throw new BackupError('CONFIG_INVALID', 'the URL of a PostgreSQL server names no database; give the source a `database`, or end the URL with one')
  return decodeURIComponent(path)
}
