import type { OpenedDatabase } from './capture.ts'

/** So many things that something else needs are named. */
const MISSING_LISTED = 50

/** What a capture leaves out, each in a sentence. */
export async function readNotes (opened: OpenedDatabase): Promise<string[]> {
  return [...foreignTables(opened), ...await blobComments(opened), ...await missingNeeds(opened)]
}

function foreignTables ({ relations, objects, database }: OpenedDatabase): string[] {
  return [...relations.all.values()]
    .filter(({ kind, oid }) => kind === 'f' && objects.ownOfRelation(oid) !== undefined)
    .map(({ schema, name }) => `foreign table ${schema}.${name} of database ${database} is recorded without its rows, which are on another server`)
}

async function blobComments ({ snapshot: { holder }, database }: OpenedDatabase): Promise<string[]> {
  const { rows: [row] } = await holder.query<{ count: number }>("SELECT count(*)::int AS count FROM pg_catalog.pg_description WHERE classoid = 'pg_catalog.pg_largeobject'::regclass")
  return row === undefined || row.count === 0 ? [] : [`comments on ${row.count} large objects of database ${database} are not recorded`]
}

/** When something was excluded, what is left may need it. */
async function missingNeeds ({ snapshot: { holder }, objects, dependencies }: OpenedDatabase): Promise<string[]> {
  const pairs = objects.all.flatMap(({ id, key }) => key === undefined ? [] : [...dependencies.missingFor(key)].map(missing => ({ id, missing: missing.split(':') })))
  const listed = pairs.slice(0, MISSING_LISTED)
  const { rows } = await holder.query<{ id: string, needed: string }>(
    'SELECT p.id, pg_describe_object(p.classid, p.objid, 0) AS needed FROM unnest($1::text[], $2::oid[], $3::oid[]) AS p (id, classid, objid)',
    [listed.map(({ id }) => id), listed.map(({ missing: [classId] }) => classId), listed.map(({ missing: [, oid] }) => oid)])
  const notes = rows.map(({ id, needed }) => `${id} needs ${needed}, which is left out`)
  return pairs.length > listed.length ? [...notes, `${pairs.length - listed.length} more needs are left out`] : notes
}
