import type pg from 'pg'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Connections } from './connections.ts'

const LOCK_NOT_AVAILABLE = '55P03'

export interface MaintenanceOptions extends AbortOptions {
  /** The restore's identity: two processes with the same one exclude each other. */
  readonly owner: string
  /** How long to wait for the other. */
  readonly waitMs: number
}

/**
 * The database to be connected to while `database` is created, renamed and dropped. Always the same for one target,
 * because advisory locks count within one database.
 */
export function maintenanceDatabase (database: string): string {
  return database === 'postgres' ? 'template1' : 'postgres'
}

/**
 * A connection from which `database` is created, renamed and dropped. It holds a lock until it ends, so that no two processes
 * work at the same restore; and a statement that the server still runs for a killed process is over before the next one looks.
 * The caller releases it.
 * @throws {BackupError} `RESTORE_PENDING` when another process holds the lock
 */
export async function openMaintenance (connections: Connections, database: string, { owner, waitMs, signal }: MaintenanceOptions): Promise<pg.Client> {
  const client = await connections.connect(maintenanceDatabase(database), { signal })
  try {
    // Without this the server would finish a long statement for a process that is gone.
    await client.query("SET client_connection_check_interval = '1s'; SET statement_timeout = 0; SET default_transaction_read_only = off; SET client_min_messages = warning")
    await client.query(`SET lock_timeout = ${waitMs}`)
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`caf restore ${owner}`])
    await client.query('SET lock_timeout = 0')
    return client
  } catch (error) {
    connections.destroy(client)
    if (systemCode(error) !== LOCK_NOT_AVAILABLE) throw error
    throw new BackupError('RESTORE_PENDING', `another process is restoring into database ${database}: wait for it, or end it`, { cause: error, data: { database } })
  }
}
