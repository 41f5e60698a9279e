import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { AbortOptions, Bytes } from '../../stream.ts'
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

/**
 * Feeds `sql`, a `COPY … FROM STDIN`, and returns the number of rows. When `source` fails or the signal is aborted
 * the server rolls the statement back and the client stays usable.
 * @param source its pieces must stay as they are: the socket may wait to send them when the next one is asked for
 */
export async function copyIn (client: pg.Client, sql: string, source: Bytes, { signal }: AbortOptions = {}): Promise<number> {
  signal?.throwIfAborted()
  const stream = client.query(copyFrom(sql))
  try {
    await pipeline(pausing(source), stream, { signal })
    return stream.rowCount
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

/** A producer and a socket that are always ready would keep the server's error from being read. */
async function * pausing (source: Bytes): AsyncGenerator<Uint8Array> {
  let pieces = 0
  for await (const piece of source) {
    yield piece
    if (++pieces % 64 === 0) await setImmediate()
  }
}
