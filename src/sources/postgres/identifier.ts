import pg from 'pg'

/** A name as SQL, always in double quotes, so that no keyword, case or dot can change its meaning. */
export function quoteIdentifier (name: string): string {
  return pg.escapeIdentifier(name)
}

/** `"schema"."name"` */
export function quoteQualified (schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

/** A name as it stands in ids: as it is when plain and lower-case, else in double quotes as in SQL. */
export function nameInId (name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoteIdentifier(name)
}

/** `schema.name` as it stands in ids. */
export function qualifiedInId (schema: string, name: string): string {
  return `${nameInId(schema)}.${nameInId(name)}`
}

export function databaseId (source: string): string {
  return `${source}/database`
}

/** @param identity what follows the type: names quoted where needed, the schema in front where there is one */
export function objectId (source: string, type: string, identity: string): string {
  return `${source}/object/${type} ${identity}`
}

export function rowsId (source: string, schema: string, table: string): string {
  return `${source}/rows/${qualifiedInId(schema, table)}`
}

export function sequenceId (source: string, schema: string, name: string): string {
  return `${source}/sequence/${qualifiedInId(schema, name)}`
}

export function refreshId (source: string, schema: string, view: string): string {
  return `${source}/refresh/${qualifiedInId(schema, view)}`
}

export function blobsId (source: string): string {
  return `${source}/blobs`
}

export function blobOwnersId (source: string): string {
  return `${source}/blobs-owners`
}
