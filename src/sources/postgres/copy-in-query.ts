import type pg from 'pg'

const COPY_DATA = 'd'
const COPY_DONE = 'c'
const COPY_FAIL = 'f'

/** A `COPY … FROM STDIN` for `client.query`. After a failure, ours or the server's, no more is sent and the client stays usable. */
export class CopyInQuery implements pg.Submittable {
  readonly #sql: string
  readonly #opened = Promise.withResolvers<pg.Connection>()
  readonly #ended = Promise.withResolvers<number>()
  #failure: { readonly error: unknown } | undefined
  #giveUp: ((error: unknown) => void) | undefined
  #rows = 0

  constructor (sql: string) {
    this.#sql = sql
    for (const { promise } of [this.#opened, this.#ended]) promise.catch(() => undefined) // perhaps nobody waits for it
  }

  /** Sends rows as far as the socket takes them; resolves when their memory may be used again. Rejects with the server's own errors. */
  async write (rows: Uint8Array): Promise<void> {
    const { stream } = await this.#opened.promise
    if (this.#failure !== undefined) throw this.#failure.error
    await new Promise<void>((resolve, reject) => {
      this.#giveUp = reject
      stream.cork()
      stream.write(headOf(COPY_DATA, rows.length))
      stream.write(rows, error => { if (!error) resolve() }) // else the client hears of it, and says what it was
      stream.uncork()
    })
  }

  /** Says that these were all rows; returns their number as the server has counted it. */
  async end (): Promise<number> {
    const { stream } = await this.#opened.promise
    if (this.#failure === undefined) stream.write(headOf(COPY_DONE, 0))
    return await this.#ended.promise
  }

  /** Has the server roll the statement back, as soon as it listens. Does nothing after another failure. */
  fail (error: unknown): void {
    if (this.#failure !== undefined) return
    const reason = Buffer.from(`${error instanceof Error ? error.message : String(error)}\0`)
    this.#opened.promise.then(({ stream }) => { stream.write(Buffer.concat([headOf(COPY_FAIL, reason.length), reason])) }, () => undefined)
    this.#stop(error)
  }

  submit (connection: pg.Connection): void {
    connection.query(this.#sql)
  }

  handleCopyInResponse (connection: pg.Connection): void {
    this.#opened.resolve(connection)
  }

  handleError (error: unknown): void {
    this.#stop(error)
    this.#opened.reject(error)
  }

  handleCommandComplete ({ text }: { readonly text: string }): void {
    this.#rows = Number(text.split(' ')[1])
  }

  handleReadyForQuery (): void {
    this.#ended.resolve(this.#rows)
  }

  #stop (error: unknown): void {
    this.#failure ??= { error }
    this.#giveUp?.(error)
    this.#ended.reject(error)
  }
}

/** Type and length of a message with so many bytes. */
function headOf (type: string, length: number): Buffer {
  const head = Buffer.alloc(5, type)
  head.writeUInt32BE(length + 4, 1)
  return head
}
