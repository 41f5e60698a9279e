import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { ConnectionSlots } from './connection-slots.ts'

/** Opens connections within a budget. */
export interface Connections {
  /** A connection for as long as the caller needs; waits in order of asking when none is free. @throws {BackupError} `SOURCE_UNREACHABLE`, `SOURCE_AUTH`, `SOURCE_DENIED`, `SOURCE_MISSING` */
  connect(database: string, options?: AbortOptions): Promise<pg.Client>
  /** Says goodbye to the server and frees the slot. None is kept open for later. */
  release(client: pg.Client): Promise<void>
  /** Cuts the connection off, whatever runs on it. */
  destroy(client: pg.Client): void
}

/** How long a server may take to hang up; one that cannot be reached any more never does. */
const GOODBYE_MS = 5_000

/** Connects, whatever the budget. */
export type Open = (database: string, options: AbortOptions) => Promise<pg.Client>

/** Connections that each take one slot for as long as they live. */
export class SlottedConnections implements Connections {
  readonly #slots: ConnectionSlots
  readonly #open: Open
  readonly #clients = new Set<pg.Client>()

  constructor (slots: ConnectionSlots, open: Open) {
    this.#slots = slots
    this.#open = open
  }

  async connect (database: string, options: AbortOptions = {}): Promise<pg.Client> {
    await this.#slots.acquire(1, options)
    try {
      const client = await this.#open(database, options)
      this.#clients.add(client)
      return client
    } catch (error) {
      this.#slots.release(1)
      throw error
    }
  }

  async release (client: pg.Client): Promise<void> {
    if (!this.#clients.delete(client)) return
    const timer = setTimeout(() => { client.connection.stream.destroy() }, GOODBYE_MS)
    try {
      await client.end()
    } finally {
      clearTimeout(timer)
      this.#slots.release(1)
    }
  }

  destroy (client: pg.Client): void {
    if (!this.#clients.delete(client)) return
    client.connection.stream.destroy()
    this.#slots.release(1)
  }

  /** Cuts off all that are open. */
  destroyAll (): void {
    for (const client of this.#clients) this.destroy(client)
  }

  /** Keeps one slot taken while `work` uses a connection that it opens itself. */
  async whileUsingOne<T> (work: () => Promise<T>, options: AbortOptions = {}): Promise<T> {
    await this.#slots.acquire(1, options)
    try {
      return await work()
    } finally {
      this.#slots.release(1)
    }
  }

  async close (): Promise<void> {
    await Promise.all([...this.#clients].map(async client => { await this.release(client) }))
  }
}

/** Part of a server's budget in one hand. */
export class ConnectionLease extends SlottedConnections {
  readonly size: number
  readonly #giveBack: () => void
  #closed = false

  constructor (slots: ConnectionSlots, open: Open, giveBack: () => void) {
    super(slots, open)
    this.size = slots.size
    this.#giveBack = giveBack
  }

  /** Ends what is still open and gives the connections back to the budget. Safe to call twice. */
  override async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await super.close()
    this.#giveBack()
  }
}
