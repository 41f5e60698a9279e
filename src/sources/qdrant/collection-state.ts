import type { AbortOptions, Plain } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'

/** What Qdrant says about a collection, apart from its points. Equal when nothing was changed. */
export interface CollectionState {
  /** Exact number of points. */
  readonly points: number
  /** Vectors, HNSW, optimizers, quantization and payload indexes, as Qdrant's own JSON. */
  readonly config: { readonly [key: string]: Plain }
  readonly aliases: readonly string[]
}

/** @throws {BackupError} `SOURCE_MISSING` when there is no such collection */
export async function readCollectionState (server: QdrantConnection, collection: string, options: AbortOptions = {}): Promise<CollectionState> {
  const { config, payload_schema: schema } = await server.request(`reading collection ${collection}`, client => client.getCollection(collection), options)
  const { count } = await server.request(`counting the points of ${collection}`, client => client.count(collection, { exact: true }), options)
  const { aliases } = await server.request(`reading the aliases of ${collection}`, client => client.getCollectionAliases(collection), options)
  return {
    points: count,
    config: { ...asPlain(config) as object, payload_schema: withoutCounts(asPlain(schema)) },
    aliases: aliases.map(alias => alias.alias_name).sort(),
  }
}

/** Names of all collections, ascending. */
export async function listCollections (server: QdrantConnection, options: AbortOptions = {}): Promise<string[]> {
  const { collections } = await server.request('listing the collections', client => client.getCollections(), options)
  return collections.map(({ name }) => name).sort()
}

/** All aliases of the server: alias → collection. */
export async function listAliases (server: QdrantConnection, options: AbortOptions = {}): Promise<Map<string, string>> {
  const { aliases } = await server.request('listing the aliases', client => client.getAliases(), options)
  return new Map(aliases.map(alias => [alias.alias_name, alias.collection_name]))
}

/**
 * True if everything recorded is the same in `actual`. A newer server may know more parameters: those that were not
 * recorded do not count, and null is the same as absent.
 */
export function sameConfig (recorded: Plain | undefined, actual: Plain | undefined): boolean {
  if (recorded === null || recorded === undefined) return true
  if (typeof recorded !== 'object') return recorded === actual
  if (typeof actual !== 'object' || actual === null || Array.isArray(recorded) !== Array.isArray(actual)) return false
  if (Array.isArray(recorded) && recorded.length !== (actual as readonly Plain[]).length) return false
  const other = actual as { readonly [key: string]: Plain }
  return Object.entries(recorded).every(([key, value]) => sameConfig(value as Plain, other[key]))
}

/** The client reads integers beyond 2^53 as bigint, which no block can hold: they are written as text. */
function asPlain (value: unknown): Plain {
  return JSON.parse(JSON.stringify(value ?? null, (_key, member: unknown) => typeof member === 'bigint' ? String(member) : member)) as Plain
}

/** How many points an index covers depends on the optimizer, not on the collection. */
function withoutCounts (schema: Plain): Plain {
  if (typeof schema !== 'object' || schema === null) return {}
  return Object.fromEntries(Object.entries(schema).map(([field, index]) => [field, without(index as Record<string, Plain>, 'points')]))
}

function without (record: Readonly<Record<string, Plain>>, member: string): Plain {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== member))
}
