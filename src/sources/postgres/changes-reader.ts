import type { AbortOptions, Bytes } from '../../stream.ts'
import type { RowChanges } from '../source.ts'
import type { TableRows } from './catalog-tables.ts'
import { keysQuery } from './keys-query.ts'
import { readAhead } from './read-ahead.ts'
import type { ReadErrorContext } from './read-error.ts'
import { changedCopy, countChanges } from './row-query.ts'
import type { SnapshotReaders } from './snapshot-readers.ts'

/** Bytes of keys that are read before they are needed: those of five million rows that are sent as bits. The connection is then free for another table. */
const KEYS_AHEAD = 2 * 1024 * 1024

export interface ChangesReaderOptions {
  readonly schema: string
  readonly table: string
  readonly rows: TableRows
  readonly readers: SnapshotReaders
  readonly context: ReadErrorContext
  /** The xid, in 32 bits, from which on rows may be new. */
  readonly since: string
  /** How many of 64 integers in a row are keys, if that is known. */
  readonly density: number | undefined
}

/** Reads what changed in one table. */
export class ChangesReader {
  readonly #options: ChangesReaderOptions

  constructor (options: ChangesReaderOptions) {
    this.#options = options
  }

  /** How many rows there are, and those that are new or may be others; when there are none, the table is gone through once and nothing sent. */
  async read ({ signal }: AbortOptions): Promise<RowChanges> {
    const { readers, context, since } = this.#options
    const [counts] = await readers.query<{ all: string, changed: string }>(countChanges(this.#options, since), context, { signal })
    const rows = counts?.changed === '0' ? nothing() : readers.copy(changedCopy(this.#options, since), context, { signal })
    return { count: Number(counts?.all), rows, close: async () => undefined }
  }

  /** The same with the keys of all rows, side by side. */
  async readWithKeys ({ signal }: AbortOptions): Promise<RowChanges> {
    const { readers, context, since, rows: { key } } = this.#options
    const keys = keysQuery({ ...this.#options, key })
    const { streams: [sent, rows], close } = await readers.copyAll([keys.sql, changedCopy(this.#options, since)], context, { signal })
    return { keys: keys.read(readAhead(sent!, KEYS_AHEAD)), rows: rows!, close }
  }
}

async function * nothing (): Bytes {
  // no piece
}
