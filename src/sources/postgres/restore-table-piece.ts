import pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { ItemPart, RestoreItem } from '../source.ts'
import { copyOut } from './copy.ts'
import { quoteIdentifier } from './identifier.ts'
import { keyInTarget } from './restore-read-back.ts'
import { copyOfRows, loadNewTable, loadPart, tableOf } from './restore-rows.ts'
import type { RowKeyColumn } from './row-key.ts'
import { rowsCopy } from './row-query.ts'

/** What one connection loads of a table, and compares later, while others do the same with other pieces. */
export interface TablePiece {
  /** Returns the transaction that wrote the rows. */
  load(client: pg.Client, options: AbortOptions): Promise<string>
  /** True if the table holds the piece's rows. Two pieces never see the same row. */
  isSame(client: pg.Client, options: AbortOptions): Promise<boolean>
}

/** Loaded by one stream and read in the order in which the rows lie, which is the one in which they were written; that spares the server a sort. */
export function wholeTable (item: RestoreItem): TablePiece {
  const name = tableOf(item)
  return {
    load: async (client, options) => await loadNewTable(client, item, name, options),
    isSame: async (client, options) => await item.equals(copyOut(client, copyOfRows(item, name, 'TO STDOUT'), options), options),
  }
}

/**
 * The table's rows in up to `count` pieces by their keys, for connections that work side by side; none where the key's index would not give them in the key's
 * order. What several write at once lies in no order, so that each piece is read by way of that index.
 */
export async function tableParts (client: pg.Client, item: RestoreItem, { count, ...options }: AbortOptions & { readonly count: number }): Promise<TablePiece[]> {
  const key = await keyInTarget(client, item, tableOf(item))
  if (key === undefined || key.length === 0 || !key.every(isIndexOrder)) return []
  const parts = await item.parts?.({ count, ...options }) ?? []
  return parts.map(part => tablePart(item, { key, part }))
}

/** Text sorts by its bytes in a key and by its collation in an index. */
function isIndexOrder ({ name, sortBy }: RowKeyColumn): boolean {
  return sortBy === quoteIdentifier(name)
}

/** No sort, which would begin with reading the other pieces, and no workers beside the connections that there are. */
const BY_INDEX = 'SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0'

function tablePart (item: RestoreItem, { key, part }: { readonly key: readonly RowKeyColumn[], readonly part: ItemPart }): TablePiece {
  const { schema, name } = tableOf(item)
  const row = (values: readonly string[]): string => `ROW (${values.join(', ')})`
  const bounds = ([['>=', part.fromKey], ['<', part.toKey]] as const).flatMap(([operator, values]) =>
    values === undefined ? [] : `${row(key.map(({ sortBy }) => sortBy))} ${operator} ${row(values.map(value => pg.escapeLiteral(value)))}`)
  const sql = rowsCopy({ schema, table: name, rows: { columns: item.layout?.columns ?? [], key }, condition: `WHERE ${bounds.join(' AND ')}` })
  return {
    load: async (client, options) => await loadPart(client, item, part, options),
    isSame: async (client, options) => {
      await client.query(`BEGIN; ${BY_INDEX}`)
      const isSame = await part.equals(copyOut(client, sql, options), options)
      await client.query('COMMIT')
      return isSame
    },
  }
}
