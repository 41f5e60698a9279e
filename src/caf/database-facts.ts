import { BackupError } from '../errors.ts'

/** What an archive needs of the JSON of a `pg.database` node. */
export interface DatabaseFacts {
  readonly name: string
  readonly encoding: string
  readonly serverVersion: string
  /** Names of the roles that objects belong to or grants name. */
  readonly roles: readonly string[]
  readonly extensions: readonly string[]
  /** Place of each object's id in pg_dump's order. */
  readonly order: ReadonlyMap<string, number>
}

const NONE: DatabaseFacts = { name: '', encoding: '', serverVersion: '', roles: [], extensions: [], order: new Map() }

/** @throws {BackupError} `NODE_INVALID` when it is no JSON object */
export function databaseFacts (json: Uint8Array | undefined): DatabaseFacts {
  if (json === undefined) return NONE
  const value = parse(json)
  return {
    name: textOf(value['name']),
    encoding: textOf(value['encoding']),
    serverVersion: textOf(value['serverVersion']),
    roles: namesOf(value['roles']),
    extensions: namesOf(value['extensions']),
    order: new Map(listOf(value['order']).map((id, place) => [textOf(id), place])),
  }
}

function parse (json: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(json).toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (cause) {
    throw new BackupError('NODE_INVALID', 'the node of a database is not JSON', { cause })
  }
  throw new BackupError('NODE_INVALID', 'the node of a database is not an object')
}

function listOf (value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function namesOf (value: unknown): string[] {
  return listOf(value).flatMap(item => typeof item === 'object' && item !== null && 'name' in item ? [textOf(item.name)] : [])
}

function textOf (value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
