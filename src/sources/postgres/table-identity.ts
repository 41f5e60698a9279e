import type pg from 'pg'

/** What a table's rows hang on besides its rows. */
export interface TableIdentity {
  readonly oid: string
  /** relfilenode: another one after TRUNCATE and whatever rewrites the table. */
  readonly file: string
  /** Digest of all in the catalogues that can give stored bytes another text: columns with dropped ones and missing values, types at any depth, extensions. */
  readonly shape: string
  /** False for another access method, which may give xmin another meaning. */
  readonly isHeap: boolean
  /** Types, at any depth, whose text depends on more than that. */
  readonly volatileTypes: readonly string[]
  /** How many rows were deleted since the server began to count: a hint. */
  readonly deletions: string
}

/** Types of extensions whose text depends on the value and the extension alone. */
const KNOWN_EXTENSIONS = ['vector', 'hstore', 'citext', 'ltree', 'cube', 'seg']

/** Text of names and values is compared as bytes: a database in SQL_ASCII may hold any. */
const IDENTITIES = `
  WITH RECURSIVE held (relation, type) AS (
    SELECT a.attrelid, a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT h.relation, part.type FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.type CROSS JOIN LATERAL (
      SELECT t.typelem WHERE t.typelem <> 0
      UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
      UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
      UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid) AS part (type)),
  columns AS (
    SELECT a.attrelid AS relation, json_agg(json_build_array(a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attlen, a.attalign::text, a.attisdropped,
      a.attgenerated::text, a.atthasmissing, a.attmissingval::text) ORDER BY a.attnum) AS state
    FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND a.attrelid IN (
      SELECT unnest($1::oid[]) UNION SELECT t.typrelid FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.type WHERE t.typrelid <> 0)
    GROUP BY a.attrelid),
  types AS (
    SELECT t.oid AS type, t.typname AS name,
      json_build_array(t.oid, t.typtype::text, t.typlen, t.typalign::text, t.typinput::oid, t.typoutput::oid, t.typelem, t.typdelim::text, t.typbasetype, t.typtypmod, t.typrelid, t.typcollation,
        (SELECT json_agg(json_build_array(e.oid, e.enumlabel, e.enumsortorder) ORDER BY e.oid) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
        (SELECT json_build_array(r.rngsubtype, r.rngcollation, r.rngcanonical::oid) FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid),
        (SELECT c.state FROM columns c WHERE c.relation = t.typrelid)) AS state,
      CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace AND (t.typname ~ '^reg' OR t.typname IN ('aclitem', 'money')) THEN true
        WHEN t.oid < 16384 OR t.typtype <> 'b' OR t.typoutput = 'pg_catalog.array_out'::regproc THEN false
        ELSE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
          WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e' AND e.extname = ANY ($2::text[]))
      END AS volatile
    FROM pg_catalog.pg_type t WHERE t.oid IN (SELECT type FROM held)),
  contents AS (
    SELECT h.relation, json_agg(t.state ORDER BY t.type) AS state, array_agg(t.name::text ORDER BY t.name) FILTER (WHERE t.volatile) AS volatile
    FROM held h JOIN types t USING (type) GROUP BY h.relation),
  surroundings AS (
    SELECT json_build_array(current_setting('server_version_num'), current_setting('server_encoding'),
      (SELECT json_agg(json_build_array(e.extname, e.extversion) ORDER BY e.extname) FROM pg_catalog.pg_extension e)) AS state)
  SELECT c.oid::text, c.relfilenode::text AS file, c.relkind IN ('r', 'm') AND am.amname = 'heap' AND am.oid = 2 AS "isHeap",
    encode(sha256(textsend(json_build_array(columns.state, contents.state, surroundings.state)::text)), 'hex') AS shape,
    coalesce(contents.volatile, '{}') AS "volatileTypes",
    pg_catalog.pg_stat_get_tuples_deleted(c.oid)::text AS deletions
  FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
  LEFT JOIN columns ON columns.relation = c.oid LEFT JOIN contents ON contents.relation = c.oid CROSS JOIN surroundings
  WHERE c.oid = ANY ($1::oid[])`

/** As the client's transaction sees the catalogues, by oid; under canonical text, in which they hold values too. */
export async function readTableIdentities (client: pg.Client, oids: readonly number[]): Promise<Map<number, TableIdentity>> {
  const { rows } = await client.query<TableIdentity>(IDENTITIES, [oids, KNOWN_EXTENSIONS])
  return new Map(rows.map(identity => [Number(identity.oid), identity]))
}
