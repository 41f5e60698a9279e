import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { quoteQualified } from './identifier.ts'
import { forItem } from './restore-error.ts'
import { readBack } from './restore-read-back.ts'
import { loadRows, tableOf } from './restore-rows.ts'
import type { TableName } from './restore-rows.ts'
import { tableParts, wholeTable } from './restore-table-piece.ts'
import type { TablePiece } from './restore-table-piece.ts'

export interface TableOptions extends AbortOptions {
  /** How many connections shall share the table, if its key allows. */
  readonly count: number
  /** True if its rows shall be born frozen, which takes one stream for all of them. */
  readonly isFrozen: boolean
}

/** What one connection does. */
export type TableWork = (client: pg.Client, options: AbortOptions) => Promise<void>

/** A table of a database that is being built, from the loading of its rows to the proof that it holds them. */
export class RestoredTable {
  readonly item: RestoreItem
  /** May be done at the same time. @throws {BackupError} `TARGET_FAILED` */
  readonly loads: readonly TableWork[]
  /** Compare the rows, once all are in; may be done at the same time, each once. */
  readonly readBacks: readonly TableWork[]
  readonly #name: TableName
  /** The transactions that wrote all the rows; unknown when some were there before. */
  readonly #xids: string[] = []
  #loaded = 0
  #same = 0

  private constructor (item: RestoreItem, { loaded, compared }: { readonly loaded: readonly TablePiece[], readonly compared: readonly TablePiece[] }) {
    this.item = item
    this.#name = tableOf(item)
    this.loads = loaded.map(piece => async (client, options) => { await this.#load(piece, client, options) })
    this.readBacks = isOurs(item) ? compared.map(piece => async (client, options) => { await this.#readBack(piece, client, options) }) : []
  }

  /** @param client sees the empty table */
  static async of (client: pg.Client, item: RestoreItem, { isFrozen, ...options }: TableOptions): Promise<RestoredTable> {
    const whole = [wholeTable(item)]
    const parts = isOurs(item) && options.count > 1 ? await tableParts(client, item, options) : []
    const compared = parts.length > 1 ? parts : whole
    return new RestoredTable(item, { loaded: isFrozen ? whole : compared, compared })
  }

  /** True when all rows are in. */
  get isLoaded (): boolean {
    return this.#loaded === this.loads.length
  }

  /** True if the table holds the item's rows: it did when it was read back and nobody has written since, or it does when it is read in order. */
  async holdsItem (client: pg.Client, options: AbortOptions = {}): Promise<boolean> {
    return await forItem({ action: `read back ${this.item.id}`, item: this.item.id, ...options }, async () => {
      if (this.readBacks.length > 0 && this.#same === this.readBacks.length && await this.#isUntouched(client)) return true
      const content = await readBack(client, this.item, this.#name)
      return content !== undefined && await this.item.matches(content, options)
    })
  }

  async #load (piece: TablePiece, client: pg.Client, options: AbortOptions): Promise<void> {
    if (isOurs(this.item)) this.#xids.push(await piece.load(client, options))
    else await loadRows(client, this.item, this.#name, options)
    this.#loaded++
  }

  async #readBack (piece: TablePiece, client: pg.Client, options: AbortOptions): Promise<void> {
    await forItem({ action: `read back ${this.item.id}`, item: this.item.id, ...options }, async () => {
      if (await piece.isSame(client, options)) this.#same++
    })
  }

  /**
   * Whatever adds or changes a row leaves its transaction's number in it, whatever deletes one leaves fewer. What changes how rows read
   * and not the rows (a renamed label, say) changes a definition, and these are compared too.
   */
  async #isUntouched (client: pg.Client): Promise<boolean> {
    const { schema, name } = this.#name
    const { rows: [found] } = await client.query<{ all: string, own: string }>(
      `SELECT count(*) AS all, count(*) FILTER (WHERE xmin = ANY ($1::pg_catalog.xid[])) AS own FROM ONLY ${quoteQualified(schema, name)}`, [this.#xids])
    return found !== undefined && found.all === String(this.item.rows) && found.own === found.all
  }
}

/** True of tables that the restore makes; those that come with an extension may have rows of its own. */
function isOurs ({ deps }: RestoreItem): boolean {
  return deps.some(dep => dep.includes('/object/TABLE '))
}
