import type pg from 'pg'
import type { Plain } from '../../stream.ts'

type Facts = { readonly [key: string]: Plain }

/** Names of columns that newer servers have are looked up in the row's JSON, where they are null in older ones. */
const DATABASE = `
  SELECT d.datname AS name, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
    CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS "localeProvider",
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale, to_jsonb(d) ->> 'daticurules' AS "icuRules",
    current_setting('server_version') AS "serverVersion",
    pg_get_userbyid(d.datdba) AS owner, d.datacl::text[] AS acl, shobj_description(d.oid, 'pg_database') AS comment
  FROM pg_catalog.pg_database d WHERE d.datname = current_database()`

const SETTINGS = `
  SELECT r.rolname AS role, split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value
  FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS setting
  WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  ORDER BY r.rolname COLLATE "C" NULLS FIRST, 2`

const EXTENSIONS = `
  SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY e.extname COLLATE "C"`

/**
 * Roles that own, may do or are named by something here, and every role whose rights they have. The bootstrap superuser's possessions
 * are recorded nowhere, so the dump's own word is taken for owners.
 */
const ROLES = `
  WITH RECURSIVE used (oid) AS (
    SELECT refobjid FROM pg_catalog.pg_shdepend d
    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    UNION SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY ($1::text[])
    UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()
    UNION SELECT setrole FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND setrole <> 0
    UNION SELECT a.grantee FROM pg_catalog.pg_database d, aclexplode(d.datacl) a WHERE d.datname = current_database() AND a.grantee <> 0
    UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN used u ON u.oid = m.member
  ) SELECT oid FROM used`

const ROLE_FACTS = `
  SELECT r.rolname AS name, json_build_object(
    'superuser', r.rolsuper, 'inherit', r.rolinherit, 'createRole', r.rolcreaterole, 'createDatabase', r.rolcreatedb, 'login', r.rolcanlogin,
    'replication', r.rolreplication, 'bypassRls', r.rolbypassrls, 'connectionLimit', r.rolconnlimit, 'validUntil', r.rolvaliduntil) AS attributes
  FROM pg_catalog.pg_roles r WHERE r.oid = ANY ($1::oid[]) AND r.rolname !~ '^pg_' ORDER BY r.rolname COLLATE "C"`

const MEMBERSHIPS = `
  SELECT g.rolname AS role, m.rolname AS member, bool_or(a.admin_option) AS admin,
    bool_or((to_jsonb(a) ->> 'inherit_option')::boolean) AS inherit, bool_or((to_jsonb(a) ->> 'set_option')::boolean) AS set
  FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles g ON g.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
  WHERE a.roleid = ANY ($1::oid[]) AND a.member = ANY ($1::oid[]) GROUP BY 1, 2 ORDER BY g.rolname COLLATE "C", m.rolname COLLATE "C"`

/** What a database is besides its objects, without anything that changes by itself. @param owners roles that own objects of the dump */
export async function readDatabaseFacts (client: pg.Client, owners: readonly string[]): Promise<Facts> {
  const { rows: [database] } = await client.query<Facts>(DATABASE)
  const { rows: roles } = await client.query<{ oid: number }>(ROLES, [owners])
  const oids = roles.map(role => role.oid)
  const list = async (sql: string, values: unknown[] = []): Promise<Facts[]> => (await client.query<Facts>(sql, values)).rows
  return {
    ...database,
    settings: await list(SETTINGS),
    extensions: await list(EXTENSIONS),
    roles: await list(ROLE_FACTS, [oids]),
    memberships: await list(MEMBERSHIPS, [oids]),
  }
}
