import type pg from 'pg'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { ConnectionLease, Connections } from './connections.ts'
import type { PostgresServer } from './server.ts'

/** How long another process may hold the lock before we give up: one that was killed is gone long before. */
const LOCK_WAIT_MS = 30_000
const LOCK_NOT_AVAILABLE = '55P03'
/** Beside the one that creates and renames, one at least has to fill. */
const LEAST_CONNECTIONS = 2

/**
 * The database to be connected to while `database` is created, renamed and dropped. Always the same for one target,
 * because advisory locks count within one database.
 */
export function maintenanceDatabase (database: string): string {
  return database === 'postgres' ? 'template1' : 'postgres'
}

export interface MaintenanceOptions extends AbortOptions {
  /** The restore's identity: two processes with the same one exclude each other. */
  readonly owner: string
  /** @default 30_000 */
  readonly waitMs?: number
}

/**
 * A connection from which `database` is created, renamed and dropped. It holds a lock until it ends, so that no two processes
 * work at the same restore; and a statement that the server still runs for a killed process is over before the next one looks.
 * The caller releases it.
 * @throws {BackupError} `RESTORE_PENDING` when another process holds the lock
 */
export async function openMaintenance (connections: Connections, database: string, { owner, waitMs = LOCK_WAIT_MS, signal }: MaintenanceOptions): Promise<pg.Client> {
  const client = await connections.connect(maintenanceDatabase(database), { signal })
  try {
    await client.query("SET client_connection_check_interval = '1s'; SET statement_timeout = 0; SET default_transaction_read_only = off; SET synchronous_commit = on; SET client_min_messages = warning")
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

export interface Workplace {
  readonly maintenance: pg.Client
  /** Part of the server's budget; the maintenance connection has one of it. */
  readonly lease: ConnectionLease
}

/** Keeps one maintenance connection from the first act to the last, and opens another when it was lost. */
export class Maintenance {
  readonly #server: PostgresServer
  readonly #database: string
  readonly #owner: string
  readonly #concurrency: number
  #workplace: Workplace | undefined

  constructor (server: PostgresServer, database: string, { owner, concurrency }: { readonly owner: string, readonly concurrency: number }) {
    this.#server = server
    this.#database = database
    this.#owner = owner
    this.#concurrency = concurrency
  }

  async open (options: AbortOptions = {}): Promise<Workplace> {
    if (this.#workplace !== undefined && await isAlive(this.#workplace.maintenance)) return this.#workplace
    await this.close()
    const lease = await this.#server.lease(LEAST_CONNECTIONS, { atMost: 1 + this.#concurrency, ...options })
    try {
      return this.#workplace = { lease, maintenance: await openMaintenance(lease, this.#database, { owner: this.#owner, ...options }) }
    } catch (error) {
      await lease.close()
      throw error
    }
  }

  /** Ends the connections, and with them the lock. Safe to call twice. */
  async close (): Promise<void> {
    const { lease, maintenance } = this.#workplace ?? {}
    this.#workplace = undefined
    if (maintenance !== undefined && !await isAlive(maintenance)) lease?.destroy(maintenance)
    await lease?.close()
  }
}

async function isAlive (client: pg.Client): Promise<boolean> {
  return await client.query('SELECT 1').then(() => true, () => false)
}
