import type pg from 'pg'

/** What must not change between a snapshot and the lock that protects it. */
export interface TableShape {
  readonly oid: number
  /** Schema and name as SQL. */
  readonly name: string
  /** File and columns: another text whenever a table was truncated, rewritten, or lost or got a column. */
  readonly state: string
}

const SHAPES = `
  SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name,
    md5(concat_ws(' ', c.relfilenode, c.relkind, (
      SELECT string_agg(concat_ws(' ', a.attnum, quote_ident(a.attname), a.atttypid, a.atttypmod, a.attcollation, a.attisdropped, a.attgenerated, a.attmissingval), E'\\n' ORDER BY a.attnum)
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0))) AS state
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = ANY ($1::oid[])`

/** As the client's transaction sees the catalogues; under canonical text, in which they hold values too. */
export async function readTableShapes (client: pg.Client, oids: readonly number[]): Promise<Map<number, TableShape>> {
  const { rows } = await client.query<TableShape>(SHAPES, [oids])
  return new Map(rows.map(shape => [shape.oid, shape]))
}

/** The name of a table of `before` that is gone or another one in `after`. */
export function changedTable (before: ReadonlyMap<number, TableShape>, after: ReadonlyMap<number, TableShape>): string | undefined {
  for (const [oid, { name, state }] of before) {
    const now = after.get(oid)
    if (now?.name !== name || now.state !== state) return name
  }
  return undefined
}
