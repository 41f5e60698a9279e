import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import { quoteIdentifier, quoteQualified } from './identifier.ts'

/** What PostgreSQL can send as one row of text. */
const LIMIT_BYTES = 2 ** 30 - 1
/** Its compression makes a value at most 255 times smaller, so a table with less cannot hold a row over the limit. */
const SMALLEST_TOAST_BYTES = 2 ** 20 * 2

/** Tables with much out of line, and those of their columns whose length is known without reading the value. */
const SUSPECTS = `
  SELECT n.nspname AS schema, c.relname AS name,
    array_agg(a.attname::text ORDER BY a.attnum) AS columns, array_agg(a.atttypid = 'pg_catalog.bytea'::regtype ORDER BY a.attnum) AS doubled,
    (SELECT array_agg(k.attname::text ORDER BY k.attnum) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY (i.indkey::int2[])
      WHERE i.indrelid = c.oid AND i.indisprimary) AS key
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
  WHERE c.oid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    AND a.atttypid IN ('pg_catalog.bytea'::regtype, 'pg_catalog.text'::regtype, 'pg_catalog.varchar'::regtype)
    AND c.reltoastrelid <> 0 AND pg_relation_size(c.reltoastrelid) >= ${SMALLEST_TOAST_BYTES}
  GROUP BY c.oid, n.nspname, c.relname`

interface Suspect {
  readonly schema: string
  readonly name: string
  readonly columns: readonly string[]
  readonly doubled: readonly boolean[]
  readonly key: readonly string[] | null
}

/**
 * Looks for rows that COPY could not send. It reads the lengths of values, not the values; rows whose length comes from other types are found
 * only when they are read.
 * @throws {BackupError} `ROW_TOO_LARGE` naming table and key
 */
export async function assertRowsFit (client: pg.Client, tables: readonly number[]): Promise<void> {
  const { rows: suspects } = await client.query<Suspect>(SUSPECTS, [tables])
  for (const suspect of suspects) await assertTableFits(client, suspect)
}

async function assertTableFits (client: pg.Client, { schema, name, columns, doubled, key }: Suspect): Promise<void> {
  const lengths = columns.map((column, at) => `coalesce(octet_length(${quoteIdentifier(column)})::bigint, 0) * ${doubled[at] === true ? 2 : 1}`)
  const keyColumns = key ?? ['ctid']
  const { rows: [row] } = await client.query<Record<string, string>>(
    `SELECT ${keyColumns.map(column => `${quoteIdentifier(column)}::text`).join(', ')} FROM ONLY ${quoteQualified(schema, name)} WHERE ${lengths.join(' + ')} > ${LIMIT_BYTES} LIMIT 1`)
  if (row === undefined) return
  const found = Object.entries(row).map(([column, value]) => `${column} = ${value}`).join(', ')
  throw new BackupError('ROW_TOO_LARGE', `the row of ${schema}.${name} with ${found} is longer than the 1 GiB − 1 that PostgreSQL can send as text (bytea counts twice)`, { data: { schema, table: name, key: row } })
}
