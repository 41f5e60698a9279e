import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import { useCanonicalText } from './canonical-session.ts'
import type { Connections } from './connections.ts'

export interface SessionOptions extends AbortOptions {
  /** What the server may use to build one index, as PostgreSQL writes sizes. */
  readonly maintenanceWorkMem: string
  /** `at-end`: what is written needs to be durable only when a later transaction of another session is. */
  readonly durable: 'always' | 'at-end'
}

/** What pg_dump's script sets beyond the canonical text forms, and what keeps a database's or a user's own settings out. */
const BUILDING = {
  check_function_bodies: 'off',
  client_min_messages: 'warning',
  default_tablespace: '',
  default_table_access_method: 'heap',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // The server ends a statement soon after the process that sent it is gone.
  client_connection_check_interval: '1s',
}

/** A connection ready to take pg_dump's SQL and canonical COPY text. The caller releases it. */
export async function openSession (connections: Connections, database: string, { maintenanceWorkMem, durable, signal }: SessionOptions): Promise<pg.Client> {
  const client = await connections.connect(database, { signal })
  try {
    await useCanonicalText(client)
    const settings = { ...BUILDING, maintenance_work_mem: maintenanceWorkMem, synchronous_commit: durable === 'always' ? 'on' : 'off' }
    await client.query('SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)', [Object.keys(settings), Object.values(settings)])
    return client
  } catch (error) {
    connections.destroy(client)
    throw error
  }
}
