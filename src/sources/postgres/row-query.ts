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
