import type pg from 'pg'
import { CATALOG, catalogKey } from './catalog-dependencies.ts'
import type { CatalogKey } from './catalog-dependencies.ts'
import type { DumpEntry } from './dump-entry.ts'
import { nameInId } from './identifier.ts'
import { identifierOf, sqlTokens } from './sql-lexer.ts'

/** What an object is called, and where. */
export interface ObjectIdentity {
  /** What follows the type in its id. */
  readonly text: string
  readonly schema: string | null
}

/** The row of a catalogue that an entry is about; undefined for a comment, a right, an attachment and the like. */
export function catalogKeyOf ({ classId, oid, type }: DumpEntry): CatalogKey | undefined {
  if (oid === 0) return undefined
  return catalogKey(type === 'ROW SECURITY' ? CATALOG.class : classId, oid)
}

/** PostgreSQL's own names of the entries' objects: unambiguous, where pg_dump's are not. */
export async function readIdentities (client: pg.Client, entries: readonly DumpEntry[]): Promise<Map<CatalogKey, ObjectIdentity>> {
  const keys = [...new Set(entries.flatMap(entry => catalogKeyOf(entry) ?? []))].map(key => key.split(':').map(Number))
  const { rows } = await client.query<{ classid: number, objid: number, schema: string | null, identity: string | null }>(
    'SELECT k.classid, k.objid, o.schema, o.identity FROM unnest($1::oid[], $2::oid[]) AS k (classid, objid), pg_catalog.pg_identify_object(k.classid, k.objid, 0) o',
    [keys.map(([classId]) => classId), keys.map(([, oid]) => oid)])
  return new Map(rows.flatMap(({ classid, objid, schema, identity }) => identity === null ? [] : [
    [catalogKey(classid, objid), { text: withPlainNames(identity), schema: schema === null ? null : unquoted(schema) }],
  ]))
}

/** PostgreSQL also quotes keywords; ids do not. */
function withPlainNames (identity: string): string {
  return [...sqlTokens(identity)].map(token => token.kind === 'quoted' ? nameInId(identifierOf(token) ?? token.text) : token.text).join('')
}

function unquoted (name: string): string {
  const [token] = sqlTokens(name)
  return (token === undefined ? undefined : identifierOf(token)) ?? name
}
