import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import { quoteIdentifier, quoteQualified } from './identifier.ts'
import type { TableName } from './restore-rows.ts'

interface Side {
  readonly schema: string
  readonly name: string
  /** False for an ordinary table, whose key does not concern the tables that inherit from it. */
  readonly partitioned: boolean
  readonly columns: readonly string[]
}

interface ForeignKey {
  readonly name: string
  readonly from: Side
  readonly to: Side
  /** One for each pair of columns, the referenced one on its left. */
  readonly operators: readonly string[]
  /** Collation of the referenced column where it differs from the other's, as SQL. */
  readonly collations: ReadonlyArray<string | null>
  readonly matchFull: boolean
  /** True if the last column is a range that the referenced rows have to cover together. */
  readonly period: boolean
}

/** A partition's keys are its ancestors' keys. Keys that are not enforced or were never validated may be broken legally. */
const TOUCHING = `
  WITH touched AS (
    SELECT oid FROM unnest($1::regclass[]) AS given (oid)
    UNION SELECT relid FROM unnest($1::regclass[]) AS given (oid), pg_partition_ancestors(given.oid)
  )
  SELECT c.conname AS name, c.confmatchtype = 'f' AS "matchFull", coalesce(to_jsonb(c) ->> 'conperiod', 'false')::bool AS period,
    side(c.conrelid, c.conkey) AS "from", side(c.confrelid, c.confkey) AS "to",
    (SELECT json_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY place) FROM unnest(c.conpfeqop) WITH ORDINALITY AS ops (op, place)
      JOIN pg_operator o ON o.oid = op JOIN pg_namespace n ON n.oid = o.oprnamespace) AS operators,
    (SELECT json_agg(CASE WHEN f.attcollation <> p.attcollation AND p.attcollation <> 0 THEN format('%I.%I', n.nspname, l.collname) END ORDER BY place)
      FROM unnest(c.conkey, c.confkey) WITH ORDINALITY AS keys (f, p, place)
      JOIN pg_attribute f ON f.attrelid = c.conrelid AND f.attnum = keys.f JOIN pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = keys.p
      LEFT JOIN pg_collation l ON l.oid = p.attcollation LEFT JOIN pg_namespace n ON n.oid = l.collnamespace) AS collations
  FROM pg_constraint c
  WHERE c.contype = 'f' AND c.conparentid = 0 AND c.convalidated AND coalesce(to_jsonb(c) ->> 'conenforced', 'true')::bool
    AND (c.conrelid IN (SELECT oid FROM touched) OR c.confrelid IN (SELECT oid FROM touched))
  ORDER BY c.conrelid::regclass::text, c.conname`

/** Stands for `side(relation, columns)` in the query above. */
const SIDE = `
  (SELECT json_build_object('schema', n.nspname, 'name', r.relname, 'partitioned', r.relkind = 'p', 'columns',
    (SELECT json_agg(a.attname ORDER BY place) FROM unnest($2) WITH ORDINALITY AS keys (attnum, place) JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = keys.attnum))
  FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = $1)`

const TOUCHING_SQL = TOUCHING.replace(/side\((\S+), (\S+)\)/g, (_, relation: string, columns: string) => SIDE.replace('$1', relation).replace('$2', columns))

/**
 * Looks for rows without a partner in every foreign key from and to `tables`.
 * @throws {BackupError} `TARGET_DIFFERS` naming each broken key and how many rows break it
 */
export async function checkForeignKeys (client: pg.Client, tables: readonly TableName[]): Promise<void> {
  const { rows: keys } = await client.query<ForeignKey>(TOUCHING_SQL, [tables.map(({ schema, name }) => quoteQualified(schema, name))])
  const broken: Array<{ constraint: string, table: string, rows: string }> = []
  for (const key of keys) {
    const { rows: [found] } = await client.query<{ count: string }>(orphansQuery(key))
    if (found !== undefined && found.count !== '0') broken.push({ constraint: key.name, table: `${key.from.schema}.${key.from.name}`, rows: found.count })
  }
  if (broken.length === 0) return
  const list = broken.map(({ constraint, table, rows }) => `${constraint} of ${table} (${rows} rows)`).join(', ')
  throw new BackupError('TARGET_DIFFERS', `the restored rows would break foreign keys: ${list}. Restore the tables on the other side too, or into another schema; nothing was changed`, { data: { broken } })
}

/** Counts as the constraint itself does: its own operators, and null according to its MATCH. */
function orphansQuery ({ from, to, operators, collations, matchFull, period }: ForeignKey): string {
  const pairs = from.columns.map((column, index) => ({
    theirs: `p.${quoteIdentifier(to.columns[index]!)}`,
    ours: `f.${quoteIdentifier(column)}`,
    operator: operators[index]!,
    collation: collations[index] ?? null,
  }))
  const equal = (period ? pairs.slice(0, -1) : pairs).map(({ theirs, ours, operator, collation }) => `${theirs} ${operator} ${ours}${collation === null ? '' : ` COLLATE ${collation}`}`)
  const partner = `FROM ${relation(to)} p WHERE ${equal.join(' AND ') || 'true'}`
  const last = pairs[pairs.length - 1]!
  const orphan = period ? `NOT coalesce(${last.ours} <@ (SELECT range_agg(${last.theirs}) ${partner}), false)` : `NOT EXISTS (SELECT ${partner})`
  const bound = pairs.map(({ ours }) => `${ours} IS NOT NULL`).join(matchFull ? ' OR ' : ' AND ')
  return `SELECT count(*) FROM ${relation(from)} f WHERE (${bound}) AND ${orphan}`
}

function relation ({ schema, name, partitioned }: Side): string {
  return `${partitioned ? '' : 'ONLY '}${quoteQualified(schema, name)}`
}
