import type pg from 'pg'
import type { AbortOptions, Bytes } from '../../stream.ts'
import { ConnectionSlots } from './connection-slots.ts'
import type { ConnectionLease } from './connections.ts'
import { copyOut } from './copy.ts'
import type { DatabaseSnapshot } from './database-snapshot.ts'
import { asReadError } from './read-error.ts'
import type { ReadErrorContext } from './read-error.ts'

/** Streams that are open at the same time. */
export interface SideBySide {
  readonly streams: readonly Bytes[]
  /** Ends those that have not come to their end. Safe to call twice. */
  close(): Promise<void>
}

/** One COPY on its way. */
class Reading {
  client: pg.Client | undefined
  isWhole = false
  readonly #sql: string
  readonly #context: ReadErrorContext

  constructor (sql: string, context: ReadErrorContext) {
    this.#sql = sql
    this.#context = context
  }

  bytes (client: pg.Client, options: AbortOptions): Bytes {
    this.client = client
    return this.#read(client, options)
  }

  async * #read (client: pg.Client, { signal }: AbortOptions): Bytes {
    try {
      yield * copyOut(client, this.#sql, { signal })
      this.isWhole = true
    } catch (error) {
      signal?.throwIfAborted()
      throw asReadError(error, this.#context)
    }
  }
}

/** Connections that see a snapshot, as many at a time as the lease leaves; opened when first needed and used again. */
export class SnapshotReaders {
  readonly #snapshot: DatabaseSnapshot
  readonly #lease: ConnectionLease
  readonly #slots: ConnectionSlots
  readonly #idle: pg.Client[] = []

  constructor (snapshot: DatabaseSnapshot, lease: ConnectionLease) {
    this.#snapshot = snapshot
    this.#lease = lease
    this.#slots = new ConnectionSlots(lease.size - 1) // the snapshot holds one
  }

  /** How many can read at once. */
  get width (): number {
    return this.#slots.size
  }

  /** What a COPY sends; waits for a connection. */
  async * copy (sql: string, context: ReadErrorContext, { signal }: AbortOptions = {}): Bytes {
    await this.#slots.acquire(1, { signal })
    const reading = new Reading(sql, context)
    try {
      yield * reading.bytes(this.#idle.pop() ?? await this.#joined(context, { signal }), { signal })
    } finally {
      this.#free([reading])
    }
  }

  /**
   * What several COPYs send, to be read side by side, each on a connection of its own; waits for all of these at once, and others may have one when its COPY
   * has come to its end. The caller closes it.
   */
  async copyAll (statements: readonly string[], context: ReadErrorContext, { signal }: AbortOptions = {}): Promise<SideBySide> {
    await this.#slots.acquire(statements.length, { signal })
    const readings = new Set(statements.map(sql => new Reading(sql, context)))
    const free = (reading: Reading): void => {
      if (readings.delete(reading)) this.#free([reading])
    }
    const close = async (): Promise<void> => { readings.forEach(free) }
    try {
      const streams: Bytes[] = []
      for (const reading of [...readings]) streams.push(freeing(reading.bytes(this.#idle.pop() ?? await this.#joined(context, { signal }), { signal }), () => { free(reading) }))
      return { streams, close }
    } catch (error) {
      await close()
      throw error
    }
  }

  /** The rows of a query; waits for a connection. */
  async query<R extends pg.QueryResultRow> (sql: string, context: ReadErrorContext, { signal }: AbortOptions = {}): Promise<R[]> {
    await this.#slots.acquire(1, { signal })
    let client: pg.Client | undefined
    let isWhole = false
    const abort = (): void => { if (client !== undefined) this.#lease.destroy(client) }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      client = this.#idle.pop() ?? await this.#joined(context, { signal })
      signal?.throwIfAborted()
      const { rows } = await client.query<R>(sql)
      isWhole = true
      return rows
    } catch (error) {
      signal?.throwIfAborted()
      throw asReadError(error, context)
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#free([{ client, isWhole }])
    }
  }

  async #joined (context: ReadErrorContext, { signal }: AbortOptions): Promise<pg.Client> {
    try {
      return await this.#snapshot.join()
    } catch (error) {
      signal?.throwIfAborted()
      throw asReadError(error, context)
    }
  }

  /** A connection whose COPY did not come to its end is of no more use. */
  #free (readings: ReadonlyArray<Pick<Reading, 'client' | 'isWhole'>>): void {
    for (const { client, isWhole } of readings) {
      if (client !== undefined && isWhole) this.#idle.push(client)
      else if (client !== undefined) this.#lease.destroy(client)
    }
    this.#slots.release(readings.length)
  }

  /** Ends the connections that nobody uses now. */
  async closeIdle (): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(async client => { await this.#lease.release(client) }))
  }
}

/** The stream; calls `free` when it is over. */
async function * freeing (bytes: Bytes, free: () => void): Bytes {
  try {
    yield * bytes
  } finally {
    free()
  }
}
