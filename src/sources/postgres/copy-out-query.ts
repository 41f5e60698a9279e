import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { CopyDataFrames } from './copy-data-frames.ts'
import { ReadSocket } from './read-socket.ts'
import type { Receive } from './read-socket.ts'

/** So many bytes are handed on at once, or what there is at the end: the way to whoever stores them costs the same for few. */
const ENOUGH = 131_072
/** Room to begin with: many tables are small. */
const FIRST_BYTES = 16_384
/** A server hands out 8 KiB at a time. From this length of a copy on, reading waits for a millisecond's worth when little came: being woken for each costs more than the rows. */
const LONG = 524_288
const LITTLE = 32_768

/**
 * A `COPY … TO STDOUT` for `client.query`. While the server copies, the socket's bytes come here instead of to the client; from the first
 * message on that ends the copy (its end, or an error) they are the client's again, which then calls the `handle…` methods.
 */
export class CopyOutQuery implements pg.Submittable {
  readonly #sql: string
  readonly #frames = new CopyDataFrames(FIRST_BYTES)
  #stream: Duplex | undefined
  #giveBack: (() => void) | undefined
  #wake: (() => void) | undefined
  #received = 0
  #isOver = false
  #failure: { readonly error: unknown } | undefined

  constructor (sql: string) {
    this.#sql = sql
  }

  /** True when the server has said that it is ready for the next query, or has refused this one. */
  get isOver (): boolean {
    return this.#isOver
  }

  /** The next rows, valid until it is called again; undefined at the end. The server's own errors. */
  async next (): Promise<Buffer | undefined> {
    this.#frames.clear()
    while (!this.#isOver && this.#frames.length < ENOUGH) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
        this.#stream?.resume()
      })
    }
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#frames.length === 0 ? undefined : this.#frames.bytes
  }

  submit (connection: pg.Connection): void {
    this.#stream = connection.stream
    this.#giveBack = divert(connection.stream, this.#receive)
    connection.query(this.#sql)
  }

  handleError (error: unknown): void {
    this.#failure ??= { error }
    this.#end()
  }

  handleCommandComplete (): void {
    // The rows are whole when the server is ready again.
  }

  handleReadyForQuery (): void {
    this.#end()
  }

  readonly #receive: Receive = piece => {
    const others = this.#frames.push(piece)
    if (others !== undefined) {
      this.#giveBack?.()
      this.#stream?.emit('data', others)
      return true
    }
    this.#received += piece.length
    if (this.#frames.length >= ENOUGH) this.#wake?.()
    else if (this.#received < LONG || piece.length >= LITTLE) return true
    else setTimeout(() => this.#stream?.resume(), 1)
    this.#stream?.pause()
    return false
  }

  #end (): void {
    this.#isOver = true
    this.#wake?.()
  }
}

/** Has `receive` get the bytes instead of the listener there is; returns what puts that back. */
function divert (stream: Duplex, receive: Receive): () => void {
  if (stream instanceof ReadSocket) {
    stream.divert(receive)
    return () => { stream.divert(undefined) }
  }
  const listeners = stream.listeners('data') as ((piece: Buffer) => void)[]
  stream.removeAllListeners('data').on('data', receive)
  return () => {
    stream.off('data', receive)
    for (const listener of listeners) stream.on('data', listener)
  }
}
