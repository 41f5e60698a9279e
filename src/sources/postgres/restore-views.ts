import type pg from 'pg'
import type { RestoreItem } from '../source.ts'
import { quoteQualified } from './identifier.ts'
import type { TableName } from './restore-rows.ts'

/**
 * Through views, other materialized views and what rows of a partition or an inheriting table show in; not through functions, of
 * which the server does not know what they read.
 */
const DEPENDENT = `
  WITH RECURSIVE dependents (oid, depth) AS (
    SELECT oid::oid, 0 FROM unnest($1::regclass[] || $2::regclass[]) AS given (oid)
    UNION
    SELECT next.oid, d.depth + 1 FROM dependents d CROSS JOIN LATERAL (
      SELECT inhparent AS oid FROM pg_inherits WHERE inhrelid = d.oid
      UNION
      SELECT r.ev_class FROM pg_depend p JOIN pg_rewrite r ON r.oid = p.objid
      WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = d.oid AND p.classid = 'pg_rewrite'::regclass AND r.rulename = '_RETURN' AND r.ev_class <> d.oid
    ) next
  )
  SELECT n.nspname AS schema, c.relname AS name FROM dependents d JOIN pg_class c ON c.oid = d.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'm' AND (c.relispopulated OR c.oid = ANY ($2::regclass[])) GROUP BY 1, 2 ORDER BY max(d.depth), 1, 2`

/** The materialized views `asked` for, and those populated that show rows of `tables` or of them; each after those that it reads. */
export async function viewsToRefresh (client: pg.Client, tables: readonly TableName[], asked: readonly TableName[]): Promise<TableName[]> {
  const [seeds, always] = [tables, asked].map(list => list.map(({ schema, name }) => quoteQualified(schema, name)))
  const { rows } = await client.query<TableName>(DEPENDENT, [seeds, always])
  return rows
}

export function viewOf ({ attributes }: RestoreItem): TableName {
  return { schema: String(attributes['schema']), name: String(attributes['view']) }
}

export async function refreshView (client: pg.Client, { schema, name }: TableName): Promise<void> {
  await client.query(`REFRESH MATERIALIZED VIEW ${quoteQualified(schema, name)}`)
}
