import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import { quoteIdentifier } from './identifier.ts'
import { decodeMarker, encodeMarker } from './restore-marker.ts'
import type { RestoreMarker } from './restore-marker.ts'

/** The three names between which a restore moves databases. */
export interface TargetNames {
  /** What users connect to. */
  readonly live: string
  /** Where the restore builds. */
  readonly restoring: string
  /** Where a replaced database goes. */
  readonly replaced: string
}

/** NAMEDATALEN - 1: the server cuts longer names off silently. */
const LONGEST_NAME = 63

/** @throws {BackupError} `INVALID_OPTION` when the name leaves no room for a suffix */
export function targetNames (database: string): TargetNames {
  const names = { live: database, restoring: `${database}__restoring`, replaced: `${database}__replaced` }
  const longest = Buffer.byteLength(names.restoring)
  if (database === '' || longest > LONGEST_NAME) {
    throw new BackupError('INVALID_OPTION', `a database to restore into needs a name of 1 to ${LONGEST_NAME - '__restoring'.length} bytes, '${database}' is none`, { data: { database } })
  }
  return names
}

export interface FoundDatabase {
  readonly name: string
  readonly oid: string
  readonly comment: string | null
  readonly marker: RestoreMarker | undefined
  /**
   * True if nobody can ever have connected to it: what {@link createRestoring} leaves when it is cut off between
   * creating and marking. It is still the empty template.
   */
  readonly untouched: boolean
}

const FIND = `
  SELECT oid::text, shobj_description(oid, 'pg_database') AS comment, NOT datallowconn AND datconnlimit = 0 AS closed
  FROM pg_database WHERE datname = $1`

export async function findDatabase (client: pg.Client, name: string): Promise<FoundDatabase | undefined> {
  const { rows: [row] } = await client.query<{ oid: string, comment: string | null, closed: boolean }>(FIND, [name])
  if (row === undefined) return undefined
  return { name, oid: row.oid, comment: row.comment, marker: decodeMarker(row.comment), untouched: row.closed && row.comment === null }
}

/** True if the restore `owner` made it, so that dropping it takes nothing from anybody. */
export function belongsTo (found: FoundDatabase, owner: string): boolean {
  return found.marker === undefined ? found.untouched : found.marker.owner === owner
}

export interface CreateOptions {
  readonly owner: string
  /** Further options of CREATE DATABASE, as SQL. */
  readonly properties: string
  /** What it gets when it becomes visible. */
  readonly comment: string | null
}

/** Creates the database to build in and opens it to connections once it is marked. */
export async function createRestoring (client: pg.Client, name: string, { owner, properties, comment }: CreateOptions): Promise<void> {
  const database = quoteIdentifier(name)
  await client.query(`CREATE DATABASE ${database} TEMPLATE template0 ${properties} ALLOW_CONNECTIONS false CONNECTION LIMIT 0`)
  await setMarker(client, name, { owner, state: 'preparing', comment })
  await client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true CONNECTION LIMIT -1`)
}

export async function setMarker (client: pg.Client, name: string, marker: RestoreMarker): Promise<void> {
  await setComment(client, name, encodeMarker(marker))
}

export async function setComment (client: pg.Client, name: string, comment: string | null): Promise<void> {
  await client.query(`COMMENT ON DATABASE ${quoteIdentifier(name)} IS ${comment === null ? 'NULL' : client.escapeLiteral(comment)}`)
}

/** Refuses a database under one of our names that somebody else made. */
export function refuseForeign (found: FoundDatabase, owner: string): void {
  if (belongsTo(found, owner)) return
  throw new BackupError('TARGET_EXISTS', `database ${found.name} was not made by this restore (${owner}): rename or drop it, it stands where the restore has to work`, { data: { database: found.name } })
}

export async function dropDatabase (client: pg.Client, name: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`)
}
