import { BackupError } from './errors.ts'

/** A byte stream. Pieces may have any length; a consumer must not keep or change a piece after asking for the next one. */
export type Bytes = AsyncIterable<Uint8Array>

export interface AbortOptions {
  /** Stops the work; the returned promise or iteration then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A value that JSON and dag-cbor both carry unchanged (no undefined, NaN or Infinity; integers within ±2^53). */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain }

/** A stream of one piece. */
export async function * bytesOf (piece: Uint8Array | string, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted()
  yield typeof piece === 'string' ? Buffer.from(piece) : piece
}

/**
 * The whole stream in one array: for small things only.
 * @throws {BackupError} `INVALID_OPTION` as soon as more than `limit` bytes have come.
 */
export async function collect (source: Bytes, { limit }: { readonly limit: number }): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of source) {
    length += piece.length
    if (length > limit) throw new BackupError('INVALID_OPTION', `stream is longer than the ${limit} bytes allowed here`, { data: { limit } })
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces, length)
}
