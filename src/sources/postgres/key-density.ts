import type pg from 'pg'
import type { TableRows } from './catalog-tables.ts'

/** From what ANALYZE saw last; the bounds of a unique column's histogram are about its least and greatest value. */
const DENSITIES = `
  SELECT c.oid, c.reltuples AS rows, s.histogram_bounds::text::text[] AS bounds
  FROM unnest($1::oid[], $2::text[]) AS k (oid, attname) JOIN pg_catalog.pg_class c ON c.oid = k.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = k.attname AND NOT s.inherited
  WHERE s.histogram_bounds IS NOT NULL AND c.reltuples > 0`

/** How many of 64 integers in a row are keys, about, for tables whose key is one column of integers and of which that is known; by oid. */
export async function readKeyDensities (client: pg.Client, tables: ReadonlyMap<number, Pick<TableRows, 'key'>>): Promise<Map<number, number>> {
  const columns = [...tables].flatMap(([oid, { key }]) => key.length === 1 && key[0]!.order === 'integer' ? [[oid, key[0]!.name] as const] : [])
  if (columns.length === 0) return new Map()
  const { rows } = await client.query<{ oid: number, rows: number, bounds: string[] }>(DENSITIES, [columns.map(([oid]) => oid), columns.map(([, name]) => name)])
  return new Map(rows.map(({ oid, rows: count, bounds }) => [oid, 64 * count / (Number(bounds.at(-1)) - Number(bounds[0]) + 1)]))
}
