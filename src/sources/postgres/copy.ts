import { addAbortSignal } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { AbortOptions, Bytes } from '../../stream.ts'

/**
 * What `sql`, a `COPY … TO STDOUT`, sends; no more is asked of the server than the consumer takes. When the iteration
 * stops early, the client's socket is cut off: the client cannot be used again. Errors are the server's own.
 */
export async function * copyOut (client: pg.Client, sql: string, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted()
  const stream = client.query(copyTo(sql))
  // The server's answer to a cut connection comes when nobody iterates any more.
  stream.on('error', () => undefined)
  let complete = false
  try {
    for await (const piece of signal === undefined ? stream : addAbortSignal(signal, stream)) yield piece as Uint8Array
    complete = true
  } catch (error) {
    signal?.throwIfAborted()
    complete = client.connection.stream.writable
    throw error
  } finally {
    if (!complete) client.connection.stream.destroy()
  }
}

/**
 * Feeds `sql`, a `COPY … FROM STDIN`, and returns the number of rows. When `source` fails or the signal is aborted
 * the server rolls the statement back and the client stays usable.
 */
export async function copyIn (client: pg.Client, sql: string, source: Bytes, { signal }: AbortOptions = {}): Promise<number> {
  signal?.throwIfAborted()
  const stream = client.query(copyFrom(sql))
  try {
    await pipeline(owned(source), stream, { signal })
    return stream.rowCount
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

/** A piece may be used again by its producer while the socket still waits to send it. */
async function * owned (source: Bytes): AsyncGenerator<Buffer> {
  let pieces = 0
  for await (const piece of source) {
    yield Buffer.from(piece)
    // A producer and a socket that are always ready would keep the server's error from being read.
    if (++pieces % 64 === 0) await setImmediate()
  }
}
