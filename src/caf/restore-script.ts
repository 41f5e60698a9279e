import pg from 'pg'
import type { DatabaseFacts } from './database-facts.ts'

/** COPY text of a table, `path` relative to the folder of the script. */
export interface DataFile {
  readonly path: string
  readonly schema: string
  readonly table: string
  readonly columns: readonly string[]
}

export interface RestoreScriptParts {
  readonly facts: DatabaseFacts
  readonly files: readonly DataFile[]
  readonly hasBlobs: boolean
  readonly hasSubscriptions: boolean
}

/** What pg_dump sets before the objects of a dump. */
export const SETTINGS = `SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

`

/** The text of `restore.sql`: brings a database back into an empty one with psql alone. */
export function restoreScript ({ facts, files, hasBlobs, hasSubscriptions }: RestoreScriptParts): string {
  return [
    ...head(facts),
    ...(hasSubscriptions ? SUBSCRIPTIONS : []),
    '\\set ON_ERROR_STOP on',
    '\\i schema.sql',
    ...files.map(loadFile),
    ...(hasBlobs ? ['\\i blobs.sql'] : []),
    '\\i sequences.sql',
    '\\i post.sql',
    '',
  ].join('\n')
}

function head ({ name, encoding, serverVersion, roles, extensions }: DatabaseFacts): string[] {
  return [
    `-- Restores the database ${inComment([name])} (PostgreSQL ${inComment([serverVersion])}, encoding ${inComment([encoding])}). From this folder:`,
    '--   createdb -T template0 newdb',
    '--   psql -X -v ON_ERROR_STOP=1 -d newdb -f restore.sql',
    '-- CAUTION: this is code. It runs with your rights, functions and triggers included: restore only what you trust.',
    `-- Needs these roles: ${inComment(roles)}`,
    `-- Needs these extensions: ${inComment(extensions)}`,
    '-- Settings, locale and role attributes are in database.json.',
  ]
}

const SUBSCRIPTIONS = [
  '-- Subscriptions come back disabled, but with the name of the slot that serves the database they are from: before you drop this copy,',
  '-- ALTER SUBSCRIPTION … SET (slot_name = NONE), or dropping it drops that slot. A server before 17 may not know all their options in post.sql.',
]

/** JSON strings have no line ends, which would end the comment. */
function inComment (names: readonly string[]): string {
  return names.map(name => JSON.stringify(name).replace(/[\u2028\u2029\u0085]/g, '?')).join(', ') || 'none'
}

/** `\copy` reads its names up to the line's end; a name with one goes through a table of another name. */
function loadFile ({ path, schema, table, columns }: DataFile): string {
  const target = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`
  // There is no empty list; left out it means every column that is not generated, which is then none.
  const list = columns.length === 0 ? '' : ` (${columns.map(column => pg.escapeIdentifier(column)).join(', ')})`
  if (!/[\r\n]/.test(target + list)) return copyFrom(`${target}${list}`, path)
  const aliased = columns.map((column, i) => `${pg.escapeIdentifier(column)} AS c${i}`).join(', ')
  return [
    `CREATE TEMPORARY TABLE caf_rows AS SELECT ${aliased} FROM ${target} WITH NO DATA;`,
    copyFrom('pg_temp.caf_rows', path),
    `INSERT INTO ${target}${list} OVERRIDING SYSTEM VALUE SELECT * FROM pg_temp.caf_rows;`,
    'DROP TABLE pg_temp.caf_rows;',
  ].join('\n')
}

/** Paths are made of characters that need no quoting. (entry-names.ts) */
function copyFrom (target: string, path: string): string {
  return `\\copy ${target} from '${path}'`
}

/** Columns of the rows that give large objects their owners. (format.md § Kinds of artifacts) */
const OWNED = ['loid', 'owner', 'acl'].join()

/** The text of `blobs.sql`: large objects of their pages, then owners and rights, each in a transaction of its own since each takes a lock. */
export function blobsScript (files: readonly DataFile[]): string {
  const { pages = [], owners = [] } = Object.groupBy(files, ({ columns }) => columns.join() === OWNED ? 'owners' : 'pages')
  return `CREATE TEMPORARY TABLE caf_pages (loid pg_catalog.oid, page pg_catalog.int8, data pg_catalog.bytea);
CREATE TEMPORARY TABLE caf_owners (loid pg_catalog.oid, owner pg_catalog.text, acl pg_catalog._aclitem);
${[...pages.map(({ path }) => copyFrom('pg_temp.caf_pages', path)), ...owners.map(({ path }) => copyFrom('pg_temp.caf_owners', path))].join('\n')}
SELECT pg_catalog.count(pg_catalog.lo_create(loid)) FROM (SELECT loid FROM pg_temp.caf_owners UNION SELECT loid FROM pg_temp.caf_pages) AS made;
SELECT pg_catalog.count(pg_catalog.lo_put(loid, page * 2048, data)) FROM pg_temp.caf_pages;
SELECT pg_catalog.format('ALTER LARGE OBJECT %s OWNER TO %I', loid, owner) FROM pg_temp.caf_owners
\\gexec
SELECT pg_catalog.format('REVOKE ALL ON LARGE OBJECT %s FROM PUBLIC', loid), pg_catalog.format('REVOKE ALL ON LARGE OBJECT %s FROM %I', loid, owner)
FROM pg_temp.caf_owners WHERE acl IS NOT NULL
\\gexec
SELECT pg_catalog.format('SET SESSION AUTHORIZATION %I', pg_catalog.pg_get_userbyid(a.grantor)),
  pg_catalog.format('GRANT %s ON LARGE OBJECT %s TO %s%s', a.privilege_type, o.loid,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END),
  'RESET SESSION AUTHORIZATION'
FROM pg_temp.caf_owners o CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) WITH ORDINALITY a
ORDER BY o.loid, pg_catalog.pg_get_userbyid(a.grantor) <> o.owner, a.ordinality
\\gexec
DROP TABLE pg_temp.caf_pages, pg_temp.caf_owners;
`
}
