import type pg from 'pg'
import { BackupError, systemCode } from '../../errors.ts'
import { useCanonicalText } from './canonical-session.ts'
import type { ConnectionLease } from './connections.ts'
import type { SchemaSelection } from './dump.ts'
import { quoteQualified } from './identifier.ts'
import { changedTable, readTableShapes } from './table-shape.ts'
import type { TableShape } from './table-shape.ts'
import { selectedTables } from './table-selection.ts'
import type { SelectedTable } from './table-selection.ts'

export interface SnapshotOptions {
  readonly selection: SchemaSelection
  /** How long to wait for a table that somebody else holds. */
  readonly lockTimeoutMs: number
}

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
const ATTEMPTS = 4
const LOCKS_A_STATEMENT = 20

// SQLSTATEs
const UNDEFINED_TABLE = '42P01'
const INVALID_SCHEMA = '3F000'
const LOCK_NOT_AVAILABLE = '55P03'
// of a snapshot that nobody exports any more; it depends on the server's version
const INVALID_PARAMETER = '22023'
const UNDEFINED_OBJECT = '42704'

/**
 * One moment of a database that several connections can see, with every table of the selection held against DROP, TRUNCATE and rewriting.
 * A snapshot alone does not do: of a table that was truncated after it, COPY reads nothing and reports no error.
 */
export class DatabaseSnapshot {
  /** The connection that holds the snapshot and the locks. */
  readonly holder: pg.Client
  /** For SET TRANSACTION SNAPSHOT and pg_dump. */
  readonly id: string
  readonly #lease: ConnectionLease
  readonly #database: string
  readonly #shapes: ReadonlyMap<number, TableShape>

  private constructor (holder: pg.Client, id: string, lease: ConnectionLease, database: string, shapes: ReadonlyMap<number, TableShape>) {
    this.holder = holder
    this.id = id
    this.#lease = lease
    this.#database = database
    this.#shapes = shapes
  }

  /**
   * Needs two connections of the lease, and keeps one.
   * @throws {BackupError} `SOURCE_CHANGED` when tables changed again and again meanwhile, or one is locked by somebody else for too long;
   *   `SOURCE_DENIED`, `ROW_SECURITY` when rows could not be read, or not all
   */
  static async open (lease: ConnectionLease, database: string, { selection, lockTimeoutMs }: SnapshotOptions): Promise<DatabaseSnapshot> {
    const holder = await lease.connect(database)
    await useCanonicalText(holder)
    for (let attempt = 1; ; attempt++) {
      await holder.query(BEGIN)
      const { rows: [exported] } = await holder.query<{ id: string }>('SELECT pg_export_snapshot() AS id')
      const tables = await selectedTables(holder, selection)
      const shapes = await readTableShapes(holder, tables.map(table => table.oid))
      const locked = await lockTables(holder, tables, lockTimeoutMs)
      const changed = changedTable(shapes, await currentShapes(lease, database, shapes))
      if (locked && changed === undefined) return new DatabaseSnapshot(holder, exported?.id ?? '', lease, database, shapes)
      if (attempt === ATTEMPTS) throw tableChanged(changed ?? 'that was just there')
      await holder.query('ROLLBACK')
    }
  }

  /** Needs one more connection. @throws {BackupError} `SOURCE_CHANGED` when a table is not what it was */
  async verify (): Promise<void> {
    // The locks live as long as this connection does.
    await this.holder.query('SELECT 1')
    const changed = changedTable(this.#shapes, await currentShapes(this.#lease, this.#database, this.#shapes))
    if (changed !== undefined) throw tableChanged(changed)
  }

  /** Commits an empty transaction, which the server soon makes durable with all that was written before. Needs one more connection. */
  async nudge (): Promise<void> {
    const client = await this.#lease.connect(this.#database)
    try {
      await client.query('SELECT pg_current_xact_id()')
    } finally {
      await this.#lease.release(client)
    }
  }

  /** A further connection that sees the same moment, with canonical text. */
  async join (): Promise<pg.Client> {
    const client = await this.#lease.connect(this.#database)
    try {
      await useCanonicalText(client)
      // The heap is what counts: an index may be damaged. One connection is one process of the server.
      await client.query('SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SET max_parallel_workers_per_gather = 0')
      await client.query(`${BEGIN}; SET TRANSACTION SNAPSHOT '${this.id}'`)
      return client
    } catch (error) {
      this.#lease.destroy(client)
      const state = systemCode(error)
      if (state !== INVALID_PARAMETER && state !== UNDEFINED_OBJECT) throw error
      throw new BackupError('SOURCE_UNREACHABLE', 'the connection that held the snapshot was lost', { cause: error })
    }
  }
}

/** What is in the catalogues now, seen by a transaction of its own. */
async function currentShapes (lease: ConnectionLease, database: string, shapes: ReadonlyMap<number, TableShape>): Promise<Map<number, TableShape>> {
  const client = await lease.connect(database)
  try {
    await useCanonicalText(client)
    return await readTableShapes(client, [...shapes.keys()])
  } finally {
    await lease.release(client)
  }
}

/** False when one of them is gone. */
async function lockTables (client: pg.Client, tables: readonly SelectedTable[], timeoutMs: number): Promise<boolean> {
  await client.query(`SET LOCAL lock_timeout = ${timeoutMs}`)
  for (let done = 0; done < tables.length; done += LOCKS_A_STATEMENT) {
    const names = tables.slice(done, done + LOCKS_A_STATEMENT).map(({ schema, name }) => `ONLY ${quoteQualified(schema, name)}`)
    try {
      await client.query(`LOCK TABLE ${names.join(', ')} IN ACCESS SHARE MODE`)
    } catch (error) {
      const state = systemCode(error)
      if (state === UNDEFINED_TABLE || state === INVALID_SCHEMA) return false
      if (state === LOCK_NOT_AVAILABLE) throw new BackupError('SOURCE_CHANGED', `another session holds one of the tables ${names.join(', ')} (ALTER TABLE, TRUNCATE, VACUUM FULL or the like) for longer than ${timeoutMs} ms; try again when it is done`, { cause: error, data: { timeoutMs } })
      throw error
    }
  }
  await client.query('SET LOCAL lock_timeout = 0')
  return true
}

function tableChanged (table: string): BackupError {
  return new BackupError('SOURCE_CHANGED', `table ${table} was dropped, truncated, rewritten or altered while it was being captured; try again when no such command runs`, { data: { table } })
}
