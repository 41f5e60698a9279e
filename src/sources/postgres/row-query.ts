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

/**
 * The COPYs that send the keys of all rows, and the rows that were written since the xid `since` (32 bits of it), both in key order.
 * Run them under one snapshot and canonical text; the table must have a key.
 */
export function changesCopies ({ schema, table, rows }: Omit<RowQueryOptions, 'condition'>, since: string): [keys: string, changed: string] {
  const keys = rowsCopy({ schema, table, rows: { columns: rows.key.map(column => column.name), key: rows.key } })
  // The age of an xid counts back from the same one in the whole statement, so that it orders xids beyond the end of 32 bits too.
  return [keys, rowsCopy({ schema, table, rows, condition: `WHERE pg_catalog.age(xmin) <= pg_catalog.age('${since}'::pg_catalog.xid)` })]
}
