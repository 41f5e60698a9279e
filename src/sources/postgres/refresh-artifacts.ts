import type { Artifact } from '../source.ts'
import type { Relation } from './catalog-relations.ts'
import { quoteQualified, refreshId } from './identifier.ts'
import { rowsOf, sortedIds } from './object-artifacts.ts'
import type { ObjectContext } from './object-artifacts.ts'
import { isViewQuery } from './schema-objects.ts'
import type { SchemaObject } from './schema-objects.ts'
import { textContent } from './text-content.ts'

/** object → what has to be said about it before it can be read: rights, and a view's late query */
type Additions = ReadonlyMap<SchemaObject | undefined, readonly SchemaObject[]>

/** A refresh for each materialized view that was filled. It needs the rows, views and refreshes that the view reads, and the rights to read them. */
export function refreshArtifacts (source: string, context: ObjectContext): Artifact[] {
  const { objects, relations } = context
  const additions = Map.groupBy(objects.all.filter(object => isViewQuery(object) || object.entry.type === 'ACL'), object => objects.about(object))
  return [...relations.all.values()].flatMap(relation => {
    const view = filledView(relation, context)
    return view === undefined ? [] : [refreshArtifact(source, relation, depsOf(source, view, additions, context))]
  })
}

function refreshArtifact (source: string, { schema, name }: Relation, deps: readonly string[]): Artifact {
  return {
    id: refreshId(source, schema, name), kind: 'pg.refresh', deps, attributes: { schema, view: name },
    content: textContent(`REFRESH MATERIALIZED VIEW ${quoteQualified(schema, name)};\n`),
  }
}

/** The object of a materialized view that has rows. */
function filledView ({ kind, populated, oid }: Relation, { objects }: ObjectContext): SchemaObject | undefined {
  return kind === 'm' && populated ? objects.ownOfRelation(oid) : undefined
}

function depsOf (source: string, view: SchemaObject, additions: Additions, context: ObjectContext): string[] {
  const ids = [view.id]
  for (const object of reachable(view, additions, context)) {
    const read = context.relations.all.get(object.entry.oid)
    if (read !== undefined && object !== view && filledView(read, context) === object) ids.push(refreshId(source, read.schema, read.name))
    if (isViewQuery(object) || object.entry.type === 'ACL') ids.push(object.id)
    ids.push(...rowsOf(object, context))
  }
  return sortedIds(ids)
}

/** The view, all that it needs, and what has to be said about all that. */
function reachable (view: SchemaObject, additions: Additions, { objects }: ObjectContext): Set<SchemaObject> {
  const reached = new Set<SchemaObject>()
  const pending = [view]
  for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
    if (reached.has(object)) continue
    reached.add(object)
    pending.push(...objects.neededBy(object), ...additions.get(object) ?? [])
  }
  return reached
}
