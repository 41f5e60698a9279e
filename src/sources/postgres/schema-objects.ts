import { CATALOG, catalogKey } from './catalog-dependencies.ts'
import type { CatalogDependencies, CatalogKey } from './catalog-dependencies.ts'
import type { RelationIndex } from './catalog-relations.ts'
import type { DumpEntry } from './dump-entry.ts'
import { objectId } from './identifier.ts'
import { catalogKeyOf } from './object-identity.ts'
import type { ObjectIdentity } from './object-identity.ts'
import { qualifiedNames, targetInSql } from './object-target.ts'
import type { QualifiedName } from './object-target.ts'
import { sqlTokens } from './sql-lexer.ts'

/** One entry of the dump as a node of the graph. */
export interface SchemaObject {
  readonly id: string
  readonly entry: DumpEntry
  /** Its row in a catalogue. */
  readonly key: CatalogKey | undefined
  readonly schema: string | null
  readonly section: 'pre-data' | 'post-data'
  /** Where it stands in the dump. */
  readonly place: number
}

/** The first of these begins the post-data section; pg_dump writes rights and event triggers last of all. */
const POST_DATA = new Set([
  'CONSTRAINT', 'INDEX', 'INDEX ATTACH', 'STATISTICS', 'RULE', 'TRIGGER', 'FK CONSTRAINT', 'CHECK CONSTRAINT', 'POLICY', 'ROW SECURITY',
  'PUBLICATION', 'PUBLICATION TABLE', 'PUBLICATION TABLES IN SCHEMA', 'SUBSCRIPTION', 'ACL', 'DEFAULT ACL', 'EVENT TRIGGER',
])

const ATTACHMENTS = new Set(['TABLE ATTACH', 'INDEX ATTACH'])

/** Types that say something about another object, which pg_dump names. */
const ABOUT_ANOTHER = new Set(['COMMENT', 'ACL', 'SECURITY LABEL', 'SEQUENCE OWNED BY', 'ROW SECURITY'])

/** The objects of a dump and what each of them needs. */
export class SchemaObjects {
  readonly all: readonly SchemaObject[]
  readonly #source: string
  readonly #dependencies: CatalogDependencies
  readonly #relations: RelationIndex
  readonly #byKey: ReadonlyMap<CatalogKey, SchemaObject>
  readonly #byDumpId: ReadonlyMap<number, SchemaObject>
  readonly #attachments: Attachments

  constructor (source: string, all: readonly SchemaObject[], dependencies: CatalogDependencies, relations: RelationIndex) {
    this.#source = source
    this.all = all
    this.#dependencies = dependencies
    this.#relations = relations
    this.#byKey = new Map(all.flatMap(object => object.key === undefined || object.entry.type === 'ROW SECURITY' ? [] : [[object.key, object]]))
    this.#byDumpId = new Map(all.map(object => [object.entry.dumpId, object]))
    this.#attachments = new Attachments(all.filter(({ entry }) => ATTACHMENTS.has(entry.type)).map(by => ({ by, ends: this.#named(by) })))
  }

  /** The object that a relation is created by: its own, or that of an extension or of a table. */
  ofRelation (oid: number): SchemaObject | undefined {
    return this.#ofKey(catalogKey(CATALOG.class, oid))
  }

  /** The entry of the dump that creates this relation and no other. */
  ownOfRelation (oid: number): SchemaObject | undefined {
    return this.#byKey.get(catalogKey(CATALOG.class, oid))
  }

  ofExtension (oid: number): SchemaObject | undefined {
    return this.#byKey.get(catalogKey(CATALOG.extension, oid))
  }

  /** The object that a comment, a right, a default, a view's late query or the like belongs to. */
  about (object: SchemaObject): SchemaObject | undefined {
    if (object.entry.type === 'DEFAULT' || isViewQuery(object)) return this.#named(object)[0]
    if (!ABOUT_ANOTHER.has(object.entry.type)) return undefined
    return this.#byDumpId.get(object.entry.dependencies[0] ?? 0)
  }

  /** The objects that must be there before `object`, without any that pg_dump itself puts after it. */
  neededBy (object: SchemaObject): Set<SchemaObject> {
    return new Set(this.#candidates(object).filter(other => other.place < object.place))
  }

  #candidates (object: SchemaObject): SchemaObject[] {
    const { entry, key } = object
    const printed = entry.dependencies.flatMap(dumpId => this.#byDumpId.get(dumpId) ?? [])
    const catalogued = key === undefined ? [] : this.#ofKeys(this.#dependencies.neededBy(key))
    switch (entry.type) {
      case 'TABLE ATTACH':
      case 'INDEX ATTACH': return this.#named(object)
      case 'SEQUENCE OWNED BY': return [...printed, ...printed.flatMap(sequence => this.#candidates(sequence)), ...this.#named(object)]
      case 'USER MAPPING': return this.#ofType('SERVER').filter(server => object.id.endsWith(` SERVER ${server.id.slice(objectId(this.#source, 'SERVER', '').length)}`))
      // Rights on a member of an extension: pg_dump does not say of which.
      case 'ACL': return printed.length > 0 ? printed : this.#ofType('EXTENSION')
      default: return [...printed, ...catalogued, ...catalogued.flatMap(other => this.#attachments.before(object, other))]
    }
  }

  #ofType (type: string): SchemaObject[] {
    return this.all.filter(object => object.entry.type === type)
  }

  #ofKey (key: CatalogKey): SchemaObject | undefined {
    const whole = this.#dependencies.wholeOf(key)
    return whole === undefined ? undefined : this.#byKey.get(whole)
  }

  #ofKeys (keys: Iterable<CatalogKey>): SchemaObject[] {
    return [...keys].flatMap(key => this.#ofKey(key) ?? [])
  }

  /** The objects of the relations that its SQL names. */
  #named ({ entry }: SchemaObject): SchemaObject[] {
    return namesIn(entry).flatMap(name => {
      const oid = this.#relations.oidOf(name)
      return oid === undefined ? [] : this.ofRelation(oid) ?? []
    })
  }
}

interface Attachment {
  readonly by: SchemaObject
  /** The whole and its new partition. */
  readonly ends: readonly SchemaObject[]
}

/**
 * Partitions are created by themselves and attached later. What is then made on such a table would be made again by attaching, and
 * an index of a partitioned table counts as one only when those of all partitions are attached.
 */
class Attachments {
  readonly #ofWhole: ReadonlyMap<SchemaObject | undefined, readonly Attachment[]>
  readonly #ofPartition: ReadonlyMap<SchemaObject | undefined, readonly Attachment[]>

  constructor (attachments: readonly Attachment[]) {
    this.#ofWhole = Map.groupBy(attachments, ({ ends }) => ends[0])
    this.#ofPartition = Map.groupBy(attachments, ({ ends }) => ends[1])
  }

  /** The attachments that must be done before `object`, which needs `other`. */
  before ({ section }: SchemaObject, other: SchemaObject): SchemaObject[] {
    if (section === 'pre-data') return []
    if (other.entry.type === 'TABLE') return [...this.#ofWhole.get(other) ?? [], ...this.#ofPartition.get(other) ?? []].map(({ by }) => by)
    return this.#below(other)
  }

  #below (whole: SchemaObject): SchemaObject[] {
    return (this.#ofWhole.get(whole) ?? []).flatMap(({ by, ends: [, partition] }) => [by, ...partition === undefined ? [] : this.#below(partition)])
  }
}

/** True for the query of a view that pg_dump had to create without it first. */
export function isViewQuery ({ entry }: SchemaObject): boolean {
  return entry.type === 'RULE' && entry.tag.endsWith(' _RETURN')
}

function namesIn ({ sql }: DumpEntry): QualifiedName[] {
  return qualifiedNames([...sqlTokens(sql)])
}

/** pg_dump knows best which schema an object belongs to, but writes line ends in names as spaces. */
function schemaOf (entry: DumpEntry, identified: string | null): string | null {
  if (entry.schema === null || entry.schema === identified) return entry.schema
  const candidates = [identified, ...namesIn(entry).map(name => name.schema)]
  return candidates.find(name => name?.replace(/[\n\r]/g, ' ') === entry.schema) ?? entry.schema
}

/** Gives each entry an id that is the same in every dump of the same object. */
export function schemaObjects (source: string, entries: readonly DumpEntry[], identities: ReadonlyMap<CatalogKey, ObjectIdentity>): SchemaObject[] {
  const postData = entries.findIndex(entry => POST_DATA.has(entry.type))
  const taken = new Map<string, number>()
  return entries.map((entry, place) => {
    const key = catalogKeyOf(entry)
    const { text, schema } = (key === undefined ? undefined : identities.get(key)) ?? targetInSql(entry)
    const id = objectId(source, entry.type, text)
    const times = (taken.get(id) ?? 0) + 1
    taken.set(id, times)
    return {
      id: times === 1 ? id : `${id} (${times})`,
      entry, key, place,
      schema: schemaOf(entry, schema),
      section: postData < 0 || place < postData ? 'pre-data' : 'post-data',
    }
  })
}
