import type pg from 'pg'

/** A row of a catalogue: `<class oid>:<row's oid>`. */
export type CatalogKey = string

/** The catalogues' own oids, the same in every server. */
export const CATALOG = { type: 1247, class: 1259, extension: 3079, server: 1417 } as const

export function catalogKey (classId: number, oid: number): CatalogKey {
  return `${classId}:${oid}`
}

interface Dependency {
  readonly on: CatalogKey
  /** pg_depend.deptype */
  readonly type: string
}

/** The server's own rows have lower oids. */
const FIRST_USER_OID = 16_384

const DEPENDENCIES = `
  SELECT DISTINCT classid, objid, refclassid, refobjid, deptype
  FROM pg_catalog.pg_depend WHERE objid >= ${FIRST_USER_OID} AND deptype <> 'p'
  UNION SELECT 'pg_catalog.pg_class'::regclass, inhrelid, 'pg_catalog.pg_class'::regclass, inhparent, 'n' FROM pg_catalog.pg_inherits`

/** What leads from a part to the whole that it is created with, the surest first: member of an extension, internal, automatic, partition. */
const PART_OF = 'eiaPS'

/**
 * Who needs whom in a database, in terms of the things that are created one by one: a column's default, a view's rule, a row
 * type or a constraint's index stand for the table, view or constraint that they are made with.
 */
export class CatalogDependencies {
  readonly #dependencies: ReadonlyMap<CatalogKey, readonly Dependency[]>
  readonly #wholes: ReadonlySet<CatalogKey>
  /** whole → its parts, itself among them */
  readonly #parts: ReadonlyMap<CatalogKey | undefined, readonly CatalogKey[]>

  /** @param wholes what is created by itself */
  constructor (dependencies: ReadonlyMap<CatalogKey, readonly Dependency[]>, wholes: ReadonlySet<CatalogKey>) {
    this.#dependencies = dependencies
    this.#wholes = wholes
    this.#parts = Map.groupBy(new Set([...dependencies.keys(), ...wholes]), key => this.wholeOf(key))
  }

  static async read (client: pg.Client, wholes: ReadonlySet<CatalogKey>): Promise<CatalogDependencies> {
    const { rows } = await client.query<{ classid: number, objid: number, refclassid: number, refobjid: number, deptype: string }>(DEPENDENCIES)
    const grouped = Map.groupBy(rows, ({ classid, objid }) => catalogKey(classid, objid))
    const dependencies = new Map([...grouped].map(([key, group]) => [
      key, group.map(({ refclassid, refobjid, deptype }) => ({ on: catalogKey(refclassid, refobjid), type: deptype })),
    ]))
    return new CatalogDependencies(dependencies, wholes)
  }

  /** What `key` is created with: itself, or the thing that it is a part of; undefined when nobody creates it (the system's own, say). */
  wholeOf (key: CatalogKey, seen: ReadonlySet<CatalogKey> = new Set()): CatalogKey | undefined {
    if (this.#wholes.has(key)) return key
    if (seen.has(key)) return undefined
    const up = (this.#dependencies.get(key) ?? []).filter(({ type }) => PART_OF.includes(type)).toSorted((a, b) => PART_OF.indexOf(a.type) - PART_OF.indexOf(b.type))
    for (const { on } of up) {
      const whole = this.wholeOf(on, new Set([...seen, key]))
      if (whole !== undefined) return whole
    }
    return undefined
  }

  /** What `whole` or one of its parts needs, and nobody creates, though it is no part of the server. */
  missingFor (whole: CatalogKey): Set<CatalogKey> {
    const needed = (this.#parts.get(whole) ?? []).flatMap(part => this.#dependencies.get(part) ?? [])
    return new Set(needed.map(({ on }) => on).filter(on => Number(on.split(':')[1]) >= FIRST_USER_OID && this.wholeOf(on) === undefined))
  }

  /** The other wholes that `whole` or one of its parts needs. */
  neededBy (whole: CatalogKey): Set<CatalogKey> {
    const needed = new Set<CatalogKey>()
    for (const part of this.#parts.get(whole) ?? []) {
      for (const { on } of this.#dependencies.get(part) ?? []) {
        const other = this.wholeOf(on)
        if (other !== undefined && other !== whole) needed.add(other)
      }
    }
    return needed
  }
}
