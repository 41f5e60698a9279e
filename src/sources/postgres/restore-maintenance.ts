import type pg from 'pg'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Connections } from './connections.ts'
import type { PostgresServer } from './server.ts'

/** How long another process may hold the lock before we give up: one that was killed is gone long before. */
const LOCK_WAIT_MS = 30_000
const LOCK_NOT_AVAILABLE = '55P03'

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
  const cutOff = (): void => { connections.destroy(client) }
  signal?.addEventListener('abort', cutOff, { once: true })
  try {
    await client.query("SET client_connection_check_interval = '1s'; SET statement_timeout = 0; SET default_transaction_read_only = off; SET synchronous_commit = on; SET client_min_messages = warning")
    await client.query(`SET lock_timeout = ${waitMs}`)
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`caf restore ${owner}`])
    await client.query('SET lock_timeout = 0')
    return client
  } catch (error) {
    cutOff()
    signal?.throwIfAborted()
    if (systemCode(error) !== LOCK_NOT_AVAILABLE) throw error
    throw new BackupError('RESTORE_PENDING', `another process is restoring into database ${database}: wait for it, or end it`, { cause: error, data: { database } })
  } finally {
    signal?.removeEventListener('abort', cutOff)
  }
}

/** Keeps one maintenance connection from the first act to the last, and opens another when it was lost. */
export class Maintenance {
  readonly #server: PostgresServer
  readonly #database: string
  readonly #owner: string
  #client: pg.Client | undefined

  constructor (server: PostgresServer, database: string, { owner }: { readonly owner: string }) {
    this.#server = server
    this.#database = database
    this.#owner = owner
  }

  async open (options: AbortOptions = {}): Promise<pg.Client> {
    if (this.#client !== undefined && await isAlive(this.#client)) return this.#client
    await this.close()
    return this.#client = await openMaintenance(this.#server, this.#database, { owner: this.#owner, ...options })
  }

  /** Ends the connection, and with it the lock. Safe to call twice. */
  async close (): Promise<void> {
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    if (await isAlive(client)) await this.#server.release(client)
    else this.#server.destroy(client)
  }
}

async function isAlive (client: pg.Client): Promise<boolean> {
  return await client.query('SELECT 1').then(() => true, () => false)
}
