import type pg from 'pg'
import { quoteQualified } from './identifier.ts'

/** pg_class.relkind of what users make. */
export type RelationKind = 'r' | 'p' | 'v' | 'm' | 'S' | 'f' | 'i' | 'I' | 'c'

export interface Relation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: RelationKind
  readonly unlogged: boolean
  /** False for a materialized view that was never filled. */
  readonly populated: boolean
  /** The oid of the table of which this is a partition or a child. */
  readonly parents: readonly number[]
  /** The WHERE clause, perhaps empty, of a configuration table of an extension. */
  readonly extensionCondition: string | null
  /** The oid of the extension that this belongs to. */
  readonly extension: number | null
}

/** A relation with the id of the object that creates it. */
export interface CreatedRelation {
  readonly relation: Relation
  readonly creator: string
}

const RELATIONS = `
  SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence = 'u' AS unlogged, c.relispopulated AS populated,
    ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) AS parents,
    config.condition AS "extensionCondition", config.extension
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (
    SELECT e.oid AS extension, t.oid, coalesce(t.condition, '') AS condition FROM pg_catalog.pg_extension e, unnest(e.extconfig, e.extcondition) AS t (oid, condition)
  ) config ON config.oid = c.oid
  WHERE c.relkind <> 't' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
  ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`

/** The relations of a database that are not the system's own. */
export class RelationIndex {
  readonly all: ReadonlyMap<number, Relation>
  readonly #children: ReadonlyMap<number, readonly Relation[]>
  readonly #byName: ReadonlyMap<string, number>

  constructor (relations: readonly Relation[]) {
    this.all = new Map(relations.map(relation => [relation.oid, relation]))
    const pairs = relations.flatMap(child => child.parents.map(parent => ({ parent, child })))
    this.#children = new Map([...Map.groupBy(pairs, ({ parent }) => parent)].map(([parent, group]) => [parent, group.map(({ child }) => child)]))
    this.#byName = new Map(relations.map(({ oid, schema, name }) => [quoteQualified(schema, name), oid]))
  }

  static async read (client: pg.Client): Promise<RelationIndex> {
    return new RelationIndex((await client.query<Relation>(RELATIONS)).rows)
  }

  oidOf ({ schema, name }: { readonly schema: string, readonly name: string }): number | undefined {
    return this.#byName.get(quoteQualified(schema, name))
  }

  /** The partitions at the ends of a partitioned table's tree; the relation itself when it is no such table. */
  leavesOf (oid: number): number[] {
    if (this.all.get(oid)?.kind !== 'p') return [oid]
    return (this.#children.get(oid) ?? []).flatMap(child => this.leavesOf(child.oid))
  }
}
