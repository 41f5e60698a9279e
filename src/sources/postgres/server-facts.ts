import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { Plain } from '../../stream.ts'

export const OLDEST_MAJOR = 15
export const NEWEST_MAJOR = 18

/** @throws {BackupError} `SOURCE_VERSION` */
export async function readServerMajor (client: pg.Client): Promise<number> {
  const { rows: [row] } = await client.query<{ version: string }>("SELECT current_setting('server_version_num') AS version")
  const major = Math.floor(Number(row?.version) / 10_000)
  if (major >= OLDEST_MAJOR && major <= NEWEST_MAJOR) return major
  throw new BackupError('SOURCE_VERSION', `PostgreSQL ${major} is not supported; ${OLDEST_MAJOR} to ${NEWEST_MAJOR} are`, { data: { major } })
}

/**
 * What a later capture needs in order to know whether rows older than this snapshot can have changed, as text: 64-bit numbers go beyond
 * what JSON carries. `null` where the server does not tell this user.
 */
const FACTS = `
  SELECT current_setting('server_version') AS "serverVersion", current_setting('server_version_num')::int AS "serverVersionNumber",
    pg_snapshot_xmin(pg_current_snapshot())::text AS "snapshotXmin",
    pg_snapshot_xmax(pg_current_snapshot())::text AS "snapshotXmax",
    (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database()) AS "databaseOid",
    to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "postmasterStart",
    pg_is_in_recovery() AS "inRecovery",
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS position,
    CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_insert_lsn() END::text AS "insertPosition"`

const CONTROL = `
  SELECT (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
    CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
      ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline`

const MAY_READ_CONTROL = "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AND has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE') AS allowed"

export type ServerFacts = { readonly [key: string]: Plain } & { readonly position: string | null }

/** How far the WAL is; a snapshot that is taken later sees all that was committed up to there. */
export async function readWalPosition (client: pg.Client): Promise<string | null> {
  const { rows: [row] } = await client.query<{ position: string | null }>('SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS position')
  return row?.position ?? null
}

/** Facts about the server and the snapshot of the client's transaction. */
export async function readServerFacts (client: pg.Client): Promise<ServerFacts> {
  const { rows: [facts] } = await client.query<ServerFacts>(FACTS)
  const { rows: [may] } = await client.query<{ allowed: boolean }>(MAY_READ_CONTROL)
  const { rows: [control] } = may?.allowed === true ? await client.query<{ [key: string]: Plain }>(CONTROL) : { rows: [{ systemIdentifier: null, timeline: null }] }
  return { position: null, ...facts, ...control }
}
