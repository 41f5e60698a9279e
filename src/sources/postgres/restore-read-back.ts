import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem, RowContent, RowLayout } from '../source.ts'
import { copyOut } from './copy.ts'
import { quoteQualified } from './identifier.ts'
import type { TableName } from './restore-rows.ts'
import { readKeyTypes, rowKeyColumn } from './row-key.ts'
import type { RowKeyColumn } from './row-key.ts'
import { rowsCopy } from './row-query.ts'

interface TargetColumns {
  /** name → oid of its type, without generated columns */
  readonly types: Readonly<Record<string, number>>
  /** The WHERE clause with which an extension tells the user's rows in its table from its own; empty for every other table. */
  readonly condition: string
}

const COLUMNS = `
  SELECT coalesce((SELECT json_object_agg(a.attname, a.atttypid::int8) FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}') AS types,
    coalesce((SELECT t.condition FROM pg_catalog.pg_extension e, unnest(e.extconfig, e.extcondition) AS t (oid, condition) WHERE t.oid = c.oid), '') AS condition
  FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1) AND c.relkind = 'r'`

/** What a table of the target can take; undefined when there is no such table. */
export async function targetColumns (client: pg.Client, { schema, name }: TableName): Promise<TargetColumns | undefined> {
  const { rows: [row] } = await client.query<TargetColumns>(COLUMNS, [quoteQualified(schema, name)])
  return row
}

/**
 * The rows of `table` as the client's transaction sees them, in the item's layout; undefined when the table is not there or has other columns.
 * One content at a time: they share the connection.
 */
export async function readBack (client: pg.Client, { layout }: RestoreItem, table: TableName): Promise<RowContent | undefined> {
  const found = await targetColumns(client, table)
  const key = found && await keyFrom(client, layout, found)
  if (found === undefined || layout === undefined || key === undefined) return undefined
  const sql = rowsCopy({ schema: table.schema, table: table.name, rows: { columns: layout.columns, key }, condition: found.condition })
  return {
    form: 'rows',
    layout: { columns: layout.columns, key: key.map(({ order, labels }) => ({ order, ...(labels !== undefined && { labels }) })) },
    read: (options?: AbortOptions) => copyOut(client, sql, options),
  }
}

/** The key of the item's rows as the target's columns have it; undefined when the table is not there or has other columns. */
export async function keyInTarget (client: pg.Client, { layout }: RestoreItem, table: TableName): Promise<RowKeyColumn[] | undefined> {
  const found = await targetColumns(client, table)
  return found && await keyFrom(client, layout, found)
}

async function keyFrom (client: pg.Client, layout: RowLayout | undefined, found: TargetColumns): Promise<RowKeyColumn[] | undefined> {
  if (layout === undefined || !layout.columns.every(column => column in found.types)) return undefined
  const types = await readKeyTypes(client)
  return layout.key.flatMap((_, index) => rowKeyColumn(layout.columns[index]!, found.types[layout.columns[index]!]!, types) ?? [])
}
