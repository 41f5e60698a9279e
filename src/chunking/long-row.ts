import { BackupError } from '../errors.ts'
import type { Bytes } from '../stream.ts'
import { ByteBuffer } from './byte-buffer.ts'
import { NEWLINE, TAB } from './copy-text.ts'
import type { PieceReader } from './piece-reader.ts'
import type { RowBatch, ValueReference } from './row-splitter.ts'
import { referenceText } from './value-reference.ts'

/** Values up to this length stay in their row … */
const LONG_VALUE = 65_536
/** … until the row has this many bytes: from there on those up to `SHORT_VALUE` do, so that no row outgrows a blob. */
const WIDE_ROW = 1_048_576
const SHORT_VALUE = 1_024

/** Where a value stands. */
export interface ValuePlace {
  /** The row's key columns with their tabs between. */
  readonly key: Uint8Array
  /** Number of its column, from 0. */
  readonly column: number
}

/** Stores the COPY text of a value and returns where it is: what stands between `\@` and `:`. Must not keep pieces. */
export type StoreValue = (bytes: Bytes, place: ValuePlace) => Promise<string>

/** Reads one row value by value; long values are handed on while they come and are never held. */
export async function readLongRow (
  reader: PieceReader, { keyColumns, storeValue }: { readonly keyColumns: number, readonly storeValue: StoreValue },
): Promise<RowBatch> {
  const row = new ByteBuffer(2 * LONG_VALUE)
  const value = new ByteBuffer(LONG_VALUE)
  const values: ValueReference[] = []
  let key: Uint8Array = new Uint8Array(0)
  for (let column = 0; ; column++) {
    if (column === keyColumns && column > 0) key = new Uint8Array(row.bytes.subarray(0, -1))
    value.clear()
    const limit = column < keyColumns ? LONG_VALUE - row.length : row.length > WIDE_ROW ? SHORT_VALUE : LONG_VALUE
    let end = await readUpTo(reader, value, limit)
    if (end === undefined) {
      if (column < keyColumns) throw new BackupError('ROW_TOO_LARGE', `a key has more than ${LONG_VALUE} bytes: ${row.bytes.toString('utf8', 0, 40)}${value.bytes.toString('utf8', 0, 40)}…`, { data: { column } })
      const long = new LongValue(reader, value)
      const text = await storeValue(long.bytes(), { key, column })
      end = long.finish()
      values.push({ text, length: long.length })
      row.append(Buffer.from(referenceText({ text, length: long.length })))
    } else row.append(value.bytes)
    row.append(Uint8Array.of(end))
    if (end === NEWLINE) return { bytes: row.bytes, ends: [row.length], values }
  }
}

/** Reads to the next tab or newline, skips it and returns it; undefined as soon as the value has more than `limit` bytes. */
async function readUpTo (reader: PieceReader, value: ByteBuffer, limit: number): Promise<number | undefined> {
  for (;;) {
    const piece = await nextPiece(reader)
    const end = valueEnd(piece)
    const length = Math.min(end < 0 ? piece.length : end, limit + 1 - value.length)
    value.append(piece, 0, length)
    if (value.length > limit) {
      reader.skip(length)
      return undefined
    }
    reader.skip(end < 0 ? length : length + 1)
    if (end >= 0) return piece[end]
  }
}

/** A value on its way from the reader to whoever stores it. */
class LongValue {
  length = 0
  readonly #reader: PieceReader
  readonly #begun: ByteBuffer
  #end: number | undefined

  constructor (reader: PieceReader, begun: ByteBuffer) {
    this.#reader = reader
    this.#begun = begun
  }

  async * bytes (): AsyncGenerator<Uint8Array> {
    this.length += this.#begun.length
    yield this.#begun.bytes
    while (this.#end === undefined) {
      const piece = await nextPiece(this.#reader)
      const end = valueEnd(piece)
      const part = end < 0 ? piece : piece.subarray(0, end)
      if (part.length > 0) {
        this.length += part.length
        yield part
      }
      this.#reader.skip(end < 0 ? piece.length : end + 1)
      if (end >= 0) this.#end = piece[end]
    }
  }

  /** The byte after the value. @throws {Error} when whoever stores it did not read it to its end. */
  finish (): number {
    if (this.#end === undefined) throw new Error('a value was not read to its end')
    return this.#end
  }
}

function valueEnd (piece: Uint8Array): number {
  const tab = piece.indexOf(TAB)
  const newline = (tab < 0 ? piece : piece.subarray(0, tab)).indexOf(NEWLINE)
  return newline < 0 ? tab : newline
}

async function nextPiece (reader: PieceReader): Promise<Uint8Array> {
  const piece = await reader.peek()
  if (piece === undefined) throw new BackupError('SOURCE_FAILED', 'the rows end within a row')
  return piece
}
