import type { Artifact } from '../source.ts'
import { standaloneSql } from './dump-entry.ts'
import type { RelationIndex } from './catalog-relations.ts'
import { isViewQuery } from './schema-objects.ts'
import type { SchemaObject, SchemaObjects } from './schema-objects.ts'
import { textContent } from './text-content.ts'

/** What comes after the rows of the tables it is about. */
const AFTER_ROWS = new Set(['INDEX', 'CONSTRAINT', 'FK CONSTRAINT', 'CHECK CONSTRAINT', 'TRIGGER', 'RULE', 'POLICY', 'ROW SECURITY', 'PUBLICATION TABLE'])

export interface ObjectContext {
  readonly objects: SchemaObjects
  readonly relations: RelationIndex
  /** table's oid → id of its rows, for tables whose rows are captured */
  readonly rowsIds: ReadonlyMap<number, string>
}

/** One artifact for each entry of the dump, in its order. */
export function objectArtifacts (context: ObjectContext): Artifact[] {
  return context.objects.all.map(object => objectArtifact(object, context))
}

function objectArtifact (object: SchemaObject, context: ObjectContext): Artifact {
  const { id, entry, schema, section } = object
  const about = context.objects.about(object)
  const kind = context.relations.all.get(entry.oid)?.kind
  const sql = standaloneSql(entry, { usesAccessMethod: (entry.type === 'TABLE' && kind === 'r') || entry.type === 'MATERIALIZED VIEW' })
  return {
    id, kind: 'pg.object',
    deps: sortedIds(depsOf(object, context)),
    attributes: { type: entry.type, tag: entry.tag, schema, owner: entry.owner, section, ...(about !== undefined && { of: about.id }) },
    content: textContent(sql),
  }
}

function depsOf (object: SchemaObject, context: ObjectContext): string[] {
  const needed = [...context.objects.neededBy(object)]
  const rows = AFTER_ROWS.has(object.entry.type) && !isViewQuery(object) ? needed.flatMap(other => rowsOf(other, context)) : []
  return [...needed.map(other => other.id), ...rows]
}

/** Ids of the rows in a table: in its partitions if it is partitioned; none for what is no table. */
export function rowsOf ({ entry }: SchemaObject, { relations, rowsIds }: ObjectContext): string[] {
  return entry.type === 'TABLE' ? relations.leavesOf(entry.oid).flatMap(oid => rowsIds.get(oid) ?? []) : []
}

/** Ascending, each once, as UTF-8 bytes compare. */
export function sortedIds (ids: Iterable<string>): string[] {
  return [...new Set(ids)].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}
