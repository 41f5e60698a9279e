import pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { ConnectionLease, SlottedConnections } from './connections.ts'
import type { Connections } from './connections.ts'
import { ConnectionSlots } from './connection-slots.ts'
import { locationOf, parseEndpoint } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'
import { ReadSocket } from './read-socket.ts'
import { asSourceError } from './server-error.ts'

export interface PostgresServerOptions {
  /** `postgres://user:password@host:port?sslmode=…`; a database in it is ignored. */
  readonly url: string
  /** A standby of the same server from which captures read; it has a budget of its own, of the same size. */
  readonly replicaUrl?: string
  /** How many connections may be open at the same time, whoever asks. A capture needs two. @default 4 */
  readonly maxConnections?: number
  /** @default 15_000 */
  readonly connectTimeoutMs?: number
}

/** One PostgreSQL server, with one connection budget for everything that talks to it. */
export class PostgresServer implements Connections {
  /** For messages: host and port. */
  readonly location: string
  readonly endpoint: Endpoint
  readonly maxConnections: number
  /** Where captures read. */
  readonly reader: PostgresServer
  readonly #connectTimeoutMs: number
  readonly #slots: ConnectionSlots
  readonly #connections: SlottedConnections
  #tls: boolean

  constructor ({ url, replicaUrl, maxConnections = 4, connectTimeoutMs = 15_000 }: PostgresServerOptions) {
    if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) throw new BackupError('INVALID_OPTION', 'maxConnections must be a positive integer', { data: { maxConnections } })
    this.endpoint = parseEndpoint(url)
    this.location = locationOf(this.endpoint)
    this.maxConnections = maxConnections
    this.reader = replicaUrl === undefined ? this : new PostgresServer({ url: replicaUrl, maxConnections, connectTimeoutMs })
    this.#connectTimeoutMs = connectTimeoutMs
    this.#slots = new ConnectionSlots(maxConnections)
    this.#connections = new SlottedConnections(this.#slots, this.#open.bind(this))
    this.#tls = this.endpoint.tlsMode !== 'disable'
  }

  /** Whether connections are encrypted; with `prefer` known after the first one. */
  get tls (): boolean {
    return this.#tls
  }

  async connect (database: string, options: AbortOptions = {}): Promise<pg.Client> {
    return await this.#connections.connect(database, options)
  }

  async release (client: pg.Client): Promise<void> {
    await this.#connections.release(client)
  }

  destroy (client: pg.Client): void {
    this.#connections.destroy(client)
  }

  /**
   * Takes at least `atLeast` connections out of the budget at once, so that holders who need several cannot block each other, and
   * up to `atMost` when they are free now. The caller closes the lease.
   * @throws {BackupError} `INVALID_OPTION` when the budget is too small
   */
  async lease (atLeast: number, { atMost = atLeast, signal }: AbortOptions & { readonly atMost?: number } = {}): Promise<ConnectionLease> {
    const size = await this.#slots.acquire(atLeast, { atMost, signal })
    return new ConnectionLease(new ConnectionSlots(size), this.#open.bind(this), () => { this.#slots.release(size) })
  }

  async #open (database: string, options: AbortOptions): Promise<pg.Client> {
    const tls = this.#tls
    try {
      return await this.#openOnce(database, tls, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      if (this.endpoint.tlsMode !== 'prefer' || !tls || !refusesTls(error)) throw asSourceError(error, { action: `connect to database ${database} on ${this.location}`, data: { database, server: this.location } })
      this.#tls = false
      return await this.#open(database, options)
    }
  }

  async #openOnce (database: string, tls: boolean, { signal }: AbortOptions): Promise<pg.Client> {
    const { host, port, user, password, tls: tlsOptions } = this.endpoint
    const client = new pg.Client({
      host, port, user, password, database, keepAlive: true, keepAliveInitialDelayMillis: 30_000, application_name: 'caf',
      ssl: tls ? { ...tlsOptions } : false, stream: () => new ReadSocket(), connectionTimeoutMillis: this.#connectTimeoutMs,
    })
    // A lost connection shows in the next query; without a listener it would end the process.
    client.on('error', () => undefined)
    const abort = (): void => { client.connection.stream.destroy() }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await client.connect()
      signal?.throwIfAborted()
      return client
    } catch (error) {
      client.connection.stream.destroy()
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }
}

function refusesTls (error: unknown): boolean {
  return error instanceof Error && error.message.includes('does not support SSL')
}
