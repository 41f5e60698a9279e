import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { copyIn } from './copy.ts'
import { quoteIdentifier, quoteQualified } from './identifier.ts'
import { forItem } from './restore-error.ts'

/** A table by its name in the target. */
export interface TableName {
  readonly schema: string
  readonly name: string
}

/** Where the rows of an item go when nothing is renamed. */
export function tableOf ({ attributes }: RestoreItem): TableName {
  return { schema: String(attributes['schema']), name: String(attributes['table']) }
}

/** The COPY between the columns of the item's rows and the stream. */
export function copyOfRows ({ layout }: RestoreItem, { schema, name }: TableName, stream: 'FROM STDIN' | 'FROM STDIN (FREEZE)' | 'TO STDOUT'): string {
  const columns = layout?.columns ?? []
  const list = columns.length === 0 ? '' : ` (${columns.map(quoteIdentifier).join(', ')})`
  return `COPY ${quoteQualified(schema, name)}${list} ${stream}`
}

/**
 * Adds the item's rows to `table`. Values of identity columns are taken as they are, also of those that are generated always.
 * @throws {BackupError} `TARGET_FAILED`; the table is then as it was
 */
export async function loadRows (client: pg.Client, item: RestoreItem, table: TableName, options: AbortOptions = {}): Promise<void> {
  await forItem({ action: `load ${item.id}`, item: item.id }, async () => {
    await copyIn(client, copyOfRows(item, table, 'FROM STDIN'), item.read(options), options)
  })
}

/**
 * Fills a table that nobody else knows of yet, in a transaction of its own. A table emptied by the same transaction takes rows that are born
 * frozen, which spares every later look at them the question who wrote them; and with wal_level = minimal they need no WAL.
 * @returns the number of the transaction, as the rows' xmin shows it
 * @throws {BackupError} `TARGET_FAILED`; the transaction is then still open
 */
export async function loadNewTable (client: pg.Client, item: RestoreItem, table: TableName, options: AbortOptions = {}): Promise<string> {
  return await loadAlone(client, item, async () => {
    await client.query(`TRUNCATE ONLY ${quoteQualified(table.schema, table.name)}`)
    await copyIn(client, copyOfRows(item, table, 'FROM STDIN (FREEZE)'), item.read(options), options)
  })
}

/** As {@link loadNewTable}, for some of the item's rows: others add theirs meanwhile, so that it takes WAL and nothing is frozen. */
export async function loadPart (client: pg.Client, item: RestoreItem, part: Pick<RestoreItem, 'read'>, options: AbortOptions = {}): Promise<string> {
  return await loadAlone(client, item, async () => { await copyIn(client, copyOfRows(item, tableOf(item), 'FROM STDIN'), part.read(options), options) })
}

/** In a transaction of its own, whose number it returns. */
async function loadAlone (client: pg.Client, item: RestoreItem, load: () => Promise<void>): Promise<string> {
  return await forItem({ action: `load ${item.id}`, item: item.id }, async () => {
    await client.query('BEGIN')
    await load()
    const { rows: [transaction] } = await client.query<{ xid: string }>('SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid::text AS xid')
    await client.query('COMMIT')
    return transaction!.xid
  })
}
