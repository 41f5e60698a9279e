import { BackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { ByteBuffer } from './byte-buffer.ts'
import { NEWLINE } from './copy-text.ts'
import type { StoreValue } from './long-row.ts'
import { readLongRow } from './long-row.ts'
import { PieceReader } from './piece-reader.ts'

/** Rows up to this length, with their newline, are taken whole; in longer ones values may go out of line. (format.md § Rows) */
export const LONG_ROW = 65_536

/** A value that was stored apart, and what stands for it in the row. */
export interface ValueReference {
  /** Where it is: the text between `\@` and `:`. */
  readonly text: string
  /** Bytes of the value's COPY text. */
  readonly length: number
}

/** Consecutive whole rows. Valid until the next batch is asked for. */
export interface RowBatch {
  readonly bytes: Uint8Array
  /** Offset after each row and its newline. */
  readonly ends: readonly number[]
  /** Values out of line; not empty only when the batch is one long row. */
  readonly values: readonly ValueReference[]
}

export interface SplitOptions extends AbortOptions {
  /** How many columns the key has: they stay in the row. */
  readonly keyColumns: number
  /** Stores a value too long to stay in its row. */
  readonly storeValue: StoreValue
}

/**
 * Splits COPY text into whole rows. At most one row's short values are held, whatever the length of the others.
 * @throws {BackupError} `SOURCE_FAILED` when the stream ends within a row, `ROW_TOO_LARGE` when a key is longer than 64 KiB.
 */
export async function * splitRows (source: Bytes, options: SplitOptions): AsyncGenerator<RowBatch> {
  const reader = new PieceReader(source, options)
  const held = new ByteBuffer(LONG_ROW) // the beginning of a row whose end has not come
  try {
    for (let piece = await reader.peek(); piece !== undefined; piece = await reader.peek()) {
      const first = piece.indexOf(NEWLINE)
      const firstRow = held.length + (first < 0 ? piece.length : first + 1)
      if (firstRow > LONG_ROW) {
        reader.unread(held.take())
        yield await readLongRow(reader, options)
      } else if (first < 0) {
        held.append(piece)
        reader.skip(piece.length)
      } else if (held.length > 0) {
        held.append(piece, 0, first + 1)
        reader.skip(first + 1)
        yield { bytes: held.bytes, ends: [held.length], values: [] }
        held.clear()
      } else {
        const batch = shortRows(piece, first + 1)
        yield batch
        reader.skip(batch.bytes.length)
      }
    }
    if (held.length > 0) throw new BackupError('SOURCE_FAILED', `the rows end within a row, after ${held.length} bytes of it`, { data: { bytes: held.length } })
  } finally {
    await reader.close()
  }
}

/** A batch ends behind the row with which it has so many bytes. */
const LARGEST_BATCH = 262_144

/** The whole rows at the beginning of `piece`, up to the first long one. The first ends at `firstEnd`. */
function shortRows (piece: Uint8Array, firstEnd: number): RowBatch {
  const ends = [firstEnd]
  let start = firstEnd
  while (start < LARGEST_BATCH) {
    const end = piece.indexOf(NEWLINE, start) + 1
    if (end === 0 || end - start > LONG_ROW) break
    ends.push(end)
    start = end
  }
  return { bytes: piece.subarray(0, start), ends, values: [] }
}
