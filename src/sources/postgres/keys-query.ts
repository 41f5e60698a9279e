import { BackupError } from '../../errors.ts'
import type { Bytes } from '../../stream.ts'
import type { RowKeyColumn } from './row-key.ts'
import { quoteIdentifier, quoteQualified } from './identifier.ts'
import { rowsCopy } from './row-query.ts'

/** How the keys of all rows of a table come from the server. */
export interface KeysQuery {
  /** A COPY. */
  readonly sql: string
  /** The keys as COPY text, in key order, out of what that sends. */
  read(sent: Bytes): Bytes
}

export interface KeysQueryOptions {
  readonly schema: string
  readonly table: string
  readonly key: readonly RowKeyColumn[]
  /** How many of 64 integers in a row are keys, if that is known. */
  readonly density: number | undefined
}

/** Where fewer of 64 integers are keys, sending them one by one is as cheap. */
const DENSE = 4

/** Integers that lie close together are sent as 64 bits each time. Run it under one snapshot and canonical text. */
export function keysQuery ({ schema, table, key, density = 0 }: KeysQueryOptions): KeysQuery {
  const [column] = key
  if (key.length === 1 && column!.order === 'integer' && density >= DENSE) return { sql: maskedKeysCopy(schema, table, column!.name), read: readMasks }
  return { sql: rowsCopy({ schema, table, rows: { columns: key.map(({ name }) => name), key } }), read: sent => sent }
}

/** Sends `n` and a bit for each of the integers from 64 n to 64 n + 63 that is a key, the least first. */
function maskedKeysCopy (schema: string, table: string, column: string): string {
  const id = `${quoteIdentifier(column)}::pg_catalog.int8`
  return `COPY (SELECT ${id} >> 6, pg_catalog.bit_or(1::pg_catalog.int8 << (${id} & 63)::pg_catalog.int4) FROM ONLY ${quoteQualified(schema, table)} GROUP BY 1 ORDER BY 1) TO STDOUT`
}

const PIECE_BYTES = 65_536
/** Sixty-four integers of 64 bits, with signs and newlines. */
const MASK_BYTES = 64 * 21

async function * readMasks (sent: Bytes): AsyncGenerator<Uint8Array> {
  const keys = new KeyText()
  let begun = '' // of a line
  for await (const piece of sent) {
    const lines = (begun + Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1')).split('\n')
    begun = lines.pop()!
    for (const line of lines) {
      if (keys.length + MASK_BYTES > PIECE_BYTES) yield keys.take()
      const [number, mask, ...others] = line.split('\t')
      if (mask === undefined || others.length > 0) throw new BackupError('SOURCE_FAILED', `the server sent ${JSON.stringify(line.slice(0, 100))} for keys`)
      keys.add(BigInt(number!) * 64n, BigInt(mask))
    }
  }
  if (begun !== '') throw new BackupError('SOURCE_FAILED', 'the keys end within a line')
  yield keys.take()
}

/** Integers as COPY text. */
class KeyText {
  #bytes = Buffer.allocUnsafe(PIECE_BYTES)
  length = 0

  /** Adds `first` + i for each bit i that is set. */
  add (first: bigint, mask: bigint): void {
    const isSmall = first >= 0n && first < SAFE
    const start = Number(first)
    for (let half = 0; half < 64; half += 32) {
      const bits = Number(BigInt.asUintN(32, mask >> BigInt(half)))
      for (let bit = 0; bit < 32; bit++) {
        if ((bits >>> bit & 1) === 0) continue
        if (isSmall) this.#addNumber(start + half + bit)
        else this.length += this.#bytes.write(`${first + BigInt(half + bit)}\n`, this.length, 'latin1')
      }
    }
  }

  #addNumber (number: number): void {
    let digits = 1
    for (let power = 10; power <= number; power *= 10) digits++
    let left = number
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const rest = Math.floor(left / 10)
      this.#bytes[at] = ZERO + left - rest * 10
      left = rest
    }
    this.length += digits + 1
    this.#bytes[this.length - 1] = NEWLINE
  }

  /** What was added, in memory of its own. */
  take (): Uint8Array {
    const taken = this.#bytes.subarray(0, this.length)
    this.#bytes = Buffer.allocUnsafe(PIECE_BYTES)
    this.length = 0
    return taken
  }
}

const SAFE = 2n ** 52n
const ZERO = 48
const NEWLINE = 10
