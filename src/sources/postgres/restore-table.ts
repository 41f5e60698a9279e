import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { copyOut } from './copy.ts'
import { forItem } from './restore-error.ts'
import { readBack } from './restore-read-back.ts'
import { copyOfRows, loadNewTable, loadRows, tableOf } from './restore-rows.ts'
import { quoteQualified } from './identifier.ts'
import type { TableName } from './restore-rows.ts'

/** A table of a database that is being built, from the loading of its rows to the proof that it holds them. */
export class RestoredTable {
  readonly item: RestoreItem
  readonly #name: TableName
  /** The transaction that wrote all the rows; unknown when some were there before. */
  #xid: string | undefined
  #wasSame = false

  constructor (item: RestoreItem) {
    this.item = item
    this.#name = tableOf(item)
  }

  /** @throws {BackupError} `TARGET_FAILED` */
  async load (client: pg.Client, options: AbortOptions = {}): Promise<void> {
    if (this.#isOurs) this.#xid = await loadNewTable(client, this.item, this.#name, options)
    else await loadRows(client, this.item, this.#name, options)
  }

  /** Compares the rows in the order in which they lie, which mostly is the one in which they were written; that spares the server a sort. */
  async readBack (client: pg.Client, options: AbortOptions = {}): Promise<void> {
    if (this.#xid === undefined) return
    await forItem({ action: `read back ${this.item.id}`, item: this.item.id, ...options }, async () => {
      this.#wasSame = await this.item.equals(copyOut(client, copyOfRows(this.item, this.#name, 'TO STDOUT'), options), options)
    })
  }

  /** True if the table holds the item's rows: it did when it was read back and nobody has written since, or it does when it is read in order. */
  async holdsItem (client: pg.Client, options: AbortOptions = {}): Promise<boolean> {
    return await forItem({ action: `read back ${this.item.id}`, item: this.item.id, ...options }, async () => {
      if (this.#wasSame && await this.#isUntouched(client)) return true
      const content = await readBack(client, this.item, this.#name)
      return content !== undefined && await this.item.matches(content, options)
    })
  }

  /** True of tables that the restore makes; those that come with an extension may have rows of its own. */
  get #isOurs (): boolean {
    return this.item.deps.some(dep => dep.includes('/object/TABLE '))
  }

  /**
   * Whatever adds or changes a row leaves its transaction's number in it, whatever deletes one leaves fewer. What changes how rows read
   * and not the rows (a renamed label, say) changes a definition, and these are compared too.
   */
  async #isUntouched (client: pg.Client): Promise<boolean> {
    const { schema, name } = this.#name
    const { rows: [found] } = await client.query<{ all: string, own: string }>(
      `SELECT count(*) AS all, count(*) FILTER (WHERE xmin = $1::pg_catalog.xid) AS own FROM ONLY ${quoteQualified(schema, name)}`, [this.#xid])
    return found !== undefined && found.all === String(this.item.rows) && found.own === found.all
  }
}
