import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { Connections } from './connections.ts'

export interface SessionOptions extends AbortOptions {
  /** What the server may use to build one index, as PostgreSQL writes sizes. */
  readonly maintenanceWorkMem: string
  /** False where the end of the restore makes all of it durable at once. */
  readonly durable: boolean
}

/** pg_dump's own preamble, and the canonical text forms in which rows were captured. */
const SETTINGS: Readonly<Record<string, string>> = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  check_function_bodies: 'off',
  xmloption: 'content',
  client_min_messages: 'warning',
  row_security: 'off',
  search_path: '',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  default_tablespace: '',
  default_table_access_method: 'heap',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  // The server ends a statement soon after the process that sent it is gone.
  client_connection_check_interval: '1s',
}

/** A connection ready to take pg_dump's SQL and COPY text. The caller releases it. */
export async function openSession (connections: Connections, database: string, options: SessionOptions): Promise<pg.Client> {
  const client = await connections.connect(database, { signal: options.signal })
  try {
    const { rows: [row] } = await client.query<{ major: number }>("SELECT current_setting('server_version_num')::int / 10000 AS major")
    await client.query(Object.entries(settingsFor(row?.major ?? 0, options)).map(([name, value]) => `SET ${name} = '${value}'`).join('; '))
    return client
  } catch (error) {
    connections.destroy(client)
    throw error
  }
}

function settingsFor (major: number, { maintenanceWorkMem, durable }: SessionOptions): Record<string, string> {
  return {
    ...SETTINGS,
    maintenance_work_mem: maintenanceWorkMem,
    ...(!durable && { synchronous_commit: 'off' }),
    ...(major >= 17 && { transaction_timeout: '0' }),
  }
}
