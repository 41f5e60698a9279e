import type pg from 'pg'
import { readKeyTypes, rowKeyColumn } from './row-key.ts'
import type { KeyTypes, RowKeyColumn } from './row-key.ts'

/** What is needed to read a table's rows. */
export interface TableRows {
  readonly oid: number
  /** In file order: the key's columns in the key's order, then the others in the table's; generated columns are not among them. */
  readonly columns: readonly string[]
  /** Empty when there is no usable key. */
  readonly key: readonly RowKeyColumn[]
  /** Identity columns that are GENERATED ALWAYS. */
  readonly identityAlways: readonly string[]
  readonly averageRowBytes: number | undefined
  /** Bytes on the server's disk, with what is kept out of line there. */
  readonly sizeBytes: number
}

interface Column {
  readonly name: string
  readonly type: number
  readonly generated: boolean
  readonly identityAlways: boolean
}

interface TableRow {
  readonly oid: number
  readonly columns: readonly Column[]
  readonly averageRowBytes: number | null
  readonly sizeBytes: number
}

/** Widths come from ANALYZE, else from the size of a table that fills some pages. */
const TABLES = `
  WITH widths AS (
    SELECT schemaname, tablename, (sum(avg_width) + count(*))::float8 AS bytes FROM pg_catalog.pg_stats WHERE NOT inherited GROUP BY schemaname, tablename)
  SELECT c.oid,
    coalesce(w.bytes, CASE WHEN c.reltuples > 0 AND c.relpages >= 64 THEN ceil(c.relpages * current_setting('block_size')::float8 / c.reltuples) END) AS "averageRowBytes",
    coalesce(pg_catalog.pg_table_size(c.oid), 0)::float8 AS "sizeBytes",
    coalesce((
      SELECT json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8, 'generated', a.attgenerated <> '', 'identityAlways', a.attidentity = 'a') ORDER BY a.attnum)
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN widths w ON w.schemaname = n.nspname AND w.tablename = c.relname
  WHERE c.oid = ANY ($1::oid[])`

/** Unique indexes whose order is their types' usual one; the primary key first, then the shortest. */
const UNIQUE_INDEXES = `
  SELECT i.indrelid AS "table", ARRAY(
      SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
      WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS columns
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
  WHERE i.indrelid = ANY ($1::oid[]) AND m.amname = 'btree' AND i.indisunique AND i.indisvalid AND i.indisready AND i.indislive
    AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) AS used (oid) JOIN pg_catalog.pg_opclass o ON o.oid = used.oid WHERE NOT o.opcdefault)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]) AND NOT a.attnotnull)
  ORDER BY i.indisprimary DESC, i.indnkeyatts, x.relname COLLATE "C"`

export async function readTables (client: pg.Client, oids: readonly number[]): Promise<Map<number, TableRows>> {
  const types = await readKeyTypes(client)
  const { rows: tables } = await client.query<TableRow>(TABLES, [oids])
  const { rows: indexes } = await client.query<{ table: number, columns: string[] }>(UNIQUE_INDEXES, [oids])
  const keys = Map.groupBy(indexes, index => index.table)
  return new Map(tables.map(table => [table.oid, tableRows(table, (keys.get(table.oid) ?? []).map(index => index.columns), types)]))
}

function tableRows ({ oid, columns, averageRowBytes, sizeBytes }: TableRow, uniques: ReadonlyArray<readonly string[]>, types: KeyTypes): TableRows {
  const stored = columns.filter(column => !column.generated)
  const key = firstUsable(stored, uniques, types)
  const keyNames = key.map(column => column.name)
  return {
    oid, key,
    columns: [...keyNames, ...stored.map(column => column.name).filter(name => !keyNames.includes(name))],
    identityAlways: stored.filter(column => column.identityAlways).map(column => column.name),
    averageRowBytes: averageRowBytes ?? undefined,
    sizeBytes,
  }
}

function firstUsable (columns: readonly Column[], uniques: ReadonlyArray<readonly string[]>, types: KeyTypes): RowKeyColumn[] {
  for (const names of uniques) {
    const key = names.flatMap(name => columns.filter(column => column.name === name)).flatMap(({ name, type }) => rowKeyColumn(name, type, types) ?? [])
    if (key.length === names.length) return key
  }
  return []
}
