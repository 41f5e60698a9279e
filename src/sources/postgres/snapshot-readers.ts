import type pg from 'pg'
import type { AbortOptions, Bytes } from '../../stream.ts'
import { ConnectionSlots } from './connection-slots.ts'
import type { ConnectionLease } from './connections.ts'
import { copyOut } from './copy.ts'
import type { DatabaseSnapshot } from './database-snapshot.ts'
import { asReadError } from './read-error.ts'
import type { ReadErrorContext } from './read-error.ts'

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

  /** What a COPY sends; waits for a connection. */
  async * copy (sql: string, context: ReadErrorContext, { signal }: AbortOptions = {}): Bytes {
    await this.#slots.acquire(1, { signal })
    let client: pg.Client | undefined
    let isWhole = false
    try {
      client = this.#idle.pop() ?? await this.#snapshot.join()
      yield * copyOut(client, sql, { signal })
      isWhole = true
    } catch (error) {
      signal?.throwIfAborted()
      throw asReadError(error, context)
    } finally {
      if (client !== undefined && isWhole) this.#idle.push(client)
      else if (client !== undefined) this.#lease.destroy(client)
      this.#slots.release(1)
    }
  }

  /** Ends the connections that nobody uses now. */
  async closeIdle (): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(async client => { await this.#lease.release(client) }))
  }
}
