import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { SchemaSelection } from './dump.ts'

export interface SelectedTable {
  readonly oid: number
  readonly schema: string
  readonly name: string
}

interface Row extends SelectedTable {
  readonly readable: boolean
  readonly filtered: boolean
}

/** Ordinary and partitioned tables: the user's own, and those of extensions that hold the user's data. */
const TABLES = `
  SELECT c.oid, n.nspname AS schema, c.relname AS name,
    -- null when it was dropped since; that shows later
    coalesce(c.relkind = 'p' OR (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')), true) AS readable,
    c.relkind = 'r' AND row_security_active(c.oid) AS filtered
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    AND ($1::text[] IS NULL OR n.nspname = ANY ($1)) AND n.nspname <> ALL ($2::text[])
    AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[]) AS excluded (schema, name) WHERE excluded.schema = n.nspname AND excluded.name = c.relname)
    AND (NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      OR EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig)))
  ORDER BY c.oid`

/** @throws {BackupError} `SOURCE_DENIED`, `ROW_SECURITY` naming the tables whose rows this user cannot read, or not all; `SOURCE_MISSING` for a schema that is not there */
export async function selectedTables (client: pg.Client, selection: SchemaSelection): Promise<SelectedTable[]> {
  const { schemas, excludeSchemas = [], excludeTables = [] } = selection
  await assertSchemasExist(client, schemas ?? [])
  const { rows } = await client.query<Row>(TABLES, [schemas ?? null, excludeSchemas, excludeTables.map(({ schema }) => schema), excludeTables.map(({ table }) => table)])
  refuse('SOURCE_DENIED', rows.filter(row => !row.readable), 'cannot be read by this user: grant SELECT on them and USAGE on their schemas (or pg_read_all_data), or exclude them')
  refuse('ROW_SECURITY', rows.filter(row => row.filtered), 'are filtered by row security for this user, so rows would be missing: give it BYPASSRLS, or exclude them')
  return rows
}

async function assertSchemasExist (client: pg.Client, schemas: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ name: string }>('SELECT wanted AS name FROM unnest($1::text[]) AS wanted WHERE wanted NOT IN (SELECT nspname FROM pg_catalog.pg_namespace)', [schemas])
  if (rows.length > 0) throw new BackupError('SOURCE_MISSING', `the database has no schema ${rows.map(row => row.name).join(', ')}`, { data: { schemas: rows.map(row => row.name) } })
}

function refuse (code: 'SOURCE_DENIED' | 'ROW_SECURITY', tables: readonly Row[], why: string): void {
  if (tables.length === 0) return
  const names = tables.map(({ schema, name }) => `${schema}.${name}`)
  const listed = names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ')
  throw new BackupError(code, `tables ${listed} ${why}`, { data: { tables: names } })
}
