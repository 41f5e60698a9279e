import { quoteIdentifier, quoteQualified } from './identifier.ts'
import type { TableRows } from './catalog-tables.ts'

export interface RowQueryOptions {
  readonly schema: string
  readonly table: string
  readonly rows: Pick<TableRows, 'columns' | 'key'>
  /** A WHERE clause, or the empty string. */
  readonly condition?: string
}

/**
 * The COPY that sends a table's own rows, without those of partitions and children: in key order if there is a key, else in the heap's.
 * Run it under canonical text.
 */
export function rowsCopy ({ schema, table, rows: { columns, key }, condition = '' }: RowQueryOptions): string {
  const name = quoteQualified(schema, table)
  const list = columns.map(quoteIdentifier).join(', ')
  if (key.length === 0 && condition === '' && columns.length > 0) return `COPY ${name} (${list}) TO STDOUT`
  const order = key.length === 0 ? '' : ` ORDER BY ${key.map(column => column.sortBy).join(', ')}`
  return `COPY (SELECT ${list} FROM ONLY ${name} ${condition}${order}) TO STDOUT`
}

type ChangesQuery = Omit<RowQueryOptions, 'condition'>

/** The COPY that sends the rows that were written since the xid `since` (32 bits of it), in key order. Run it under canonical text; the table must have a key. */
export function changedCopy ({ schema, table, rows }: ChangesQuery, since: string): string {
  return rowsCopy({ schema, table, rows, condition: `WHERE ${isSince(since)}` })
}

/** How many rows there are, and how many of them were written since the xid `since`. */
export function countChanges ({ schema, table }: Omit<ChangesQuery, 'rows'>, since: string): string {
  return `SELECT count(*)::text AS "all", count(*) FILTER (WHERE ${isSince(since)})::text AS changed FROM ONLY ${quoteQualified(schema, table)}`
}

/** The age of an xid counts back from the same one in the whole statement, so that it orders xids beyond the end of 32 bits too. */
function isSince (since: string): string {
  return `pg_catalog.age(xmin) <= pg_catalog.age('${since}'::pg_catalog.xid)`
}
