import { setImmediate } from 'node:timers/promises'
import type pg from 'pg'
import type { AbortOptions, Bytes } from '../../stream.ts'
import { CopyInQuery } from './copy-in-query.ts'
import { CopyOutQuery } from './copy-out-query.ts'

/**
 * What `sql`, a `COPY … TO STDOUT`, sends; no more is asked of the server than the consumer takes. When the iteration
 * stops early, the client's socket is cut off: the client cannot be used again. Errors are the server's own.
 */
export async function * copyOut (client: pg.Client, sql: string, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted()
  const query = client.query(new CopyOutQuery(sql))
  const cutOff = (): void => { client.connection.stream.destroy() }
  signal?.addEventListener('abort', cutOff, { once: true })
  try {
    for (let rows = await query.next(); rows !== undefined; rows = await query.next()) {
      signal?.throwIfAborted()
      yield rows
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', cutOff)
    if (!query.isOver) cutOff()
  }
}

/** After so many pieces in a row others get their turn: a producer and a socket that are always ready would keep the server's error from being read. */
const PIECES_IN_TURN = 64

/**
 * Feeds `sql`, a `COPY … FROM STDIN`, and returns the number of rows. When `source` fails or the signal is aborted
 * the server rolls the statement back and the client stays usable.
 */
export async function copyIn (client: pg.Client, sql: string, source: Bytes, { signal }: AbortOptions = {}): Promise<number> {
  signal?.throwIfAborted()
  const query = client.query(new CopyInQuery(sql))
  const stop = (): void => { query.fail(signal?.reason) }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    let pieces = 0
    for await (const piece of source) {
      await query.write(piece)
      if (++pieces % PIECES_IN_TURN === 0) await setImmediate()
    }
    return await query.end()
  } catch (error) {
    query.fail(error)
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}
