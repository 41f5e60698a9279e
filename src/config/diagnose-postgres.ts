import type pg from 'pg'
import { chooseDumper } from '../sources/postgres/dump.ts'
import { asSourceError } from '../sources/postgres/server-error.ts'
import type { AbortOptions } from '../stream.ts'
import type { Found } from './diagnosis.ts'
import type { PostgresConfig } from './source-config.ts'
import { openDatabase } from './open-postgres.ts'

const OLDEST_MAJOR = 15
const NEWEST_MAJOR = 18

const SERVER = `select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as major,
  pg_is_in_recovery() as standby, pg_size_pretty(pg_database_size(current_database())) as size`

/** Tables that a snapshot would fail on: we may not read them, or row-level security would hide rows from us. */
const TABLES = `select format('%I.%I', nspname, relname) as name, row_security_active(c.oid) as hidden
  from pg_class c join pg_namespace n on n.oid = relnamespace
  where relkind in ('r', 'p', 'm') and nspname !~ '^pg_' and nspname <> 'information_schema'
  and (row_security_active(c.oid) or not has_schema_privilege(n.oid, 'usage') or not has_table_privilege(c.oid, 'select'))
  order by 1`

/** Does the server answer, is it of a version we know, may we read everything in the database, and is there a pg_dump for it? */
export async function * diagnosePostgres (config: PostgresConfig, options: AbortOptions): AsyncGenerator<Found> {
  const { server, database } = await openDatabase(config)
  const client = await server.reader.connect(database, options)
  try {
    const { version, major, standby, size } = await one<{ version: string, major: number, standby: boolean, size: string }>(client, SERVER)
    yield versionFound(major, `PostgreSQL ${version} at ${server.reader.location}${standby ? ' (a standby)' : ''}, database ${database}, ${size}`)
    yield rightsFound(await all<UnreadableTable>(client, TABLES))
    await chooseDumper(server, { serverMajor: major, signal: options.signal, ...(config.pgDump !== undefined && { pgDump: config.pgDump }) })
    yield { status: 'ok', text: `pg_dump: ${config.pgDump === undefined || config.pgDump === 'wasm' ? 'the built-in one' : config.pgDump} can read it` }
  } catch (error) {
    throw asSourceError(error, { action: `look at database ${database}` })
  } finally {
    await server.reader.release(client)
  }
}

interface UnreadableTable {
  readonly name: string
  /** Row-level security would leave rows out. */
  readonly hidden: boolean
}

function versionFound (major: number, text: string): Found {
  if (major < OLDEST_MAJOR) return { status: 'failed', code: 'SOURCE_VERSION', text: `${text}; ${OLDEST_MAJOR} is the oldest that is supported` }
  return major > NEWEST_MAJOR ? { status: 'warning', text: `${text}; newer than what was tried (${NEWEST_MAJOR})` } : { status: 'ok', text }
}

function rightsFound (tables: readonly UnreadableTable[]): Found {
  const [first] = tables
  if (first === undefined) return { status: 'ok', text: 'every table may be read' }
  const names = tables.slice(0, 5).map(({ name }) => name).join(', ') + (tables.length > 5 ? ` and ${tables.length - 5} more` : '')
  return tables.some(({ hidden }) => !hidden)
    ? { status: 'failed', code: 'SOURCE_DENIED', text: `may not read ${names}: grant pg_read_all_data to the user` }
    : { status: 'failed', code: 'ROW_SECURITY', text: `row-level security hides rows of ${names}: the user needs BYPASSRLS` }
}

async function all<Row extends pg.QueryResultRow> (client: pg.Client, sql: string): Promise<readonly Row[]> {
  return (await client.query<Row>(sql)).rows
}

async function one<Row extends pg.QueryResultRow> (client: pg.Client, sql: string): Promise<Row> {
  return (await all<Row>(client, sql))[0]!
}
