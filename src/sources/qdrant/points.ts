import type { Schemas } from '@qdrant/js-client-rest'
import type { AbortOptions } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'

export type Point = Schemas['Record']
/** Numbers beyond 2^53 come as bigint. */
export type PointId = Point['id'] | bigint

export interface ReadPointsOptions extends AbortOptions {
  /** Points of one request. @default 256 */
  readonly pageSize?: number
  /** Which vectors come with the points: all, or those of these names. @default true */
  readonly vectors?: true | readonly string[]
  /** @default true */
  readonly payload?: boolean
}

/**
 * Every point in ascending order of the ids (numbers before UUIDs), one page in memory.
 * Not one moment of the collection: points that are written meanwhile may come or not.
 */
export async function * readPoints (
  server: QdrantConnection, collection: string, { pageSize = 256, vectors = true, payload = true, signal }: ReadPointsOptions = {}
): AsyncGenerator<Point> {
  let offset: Schemas['ScrollResult']['next_page_offset']
  do {
    signal?.throwIfAborted()
    const page = await server.request(`reading points of ${collection}`, client => client.scroll(collection, {
      limit: pageSize,
      with_vector: vectors === true ? true : [...vectors],
      with_payload: payload,
      ...(offset === undefined ? {} : { offset }),
    }), { signal })
    yield * page.points
    offset = page.next_page_offset
  } while (offset !== null && offset !== undefined)
}

/** Negative, zero or positive, in the order in which Qdrant gives the points. */
export function comparePointIds (a: PointId, b: PointId): number {
  if ((typeof a === 'string') !== (typeof b === 'string')) return typeof a === 'string' ? 1 : -1
  return a < b ? -1 : a > b ? 1 : 0
}

/** Text that is equal for equal values, whatever the order of their members. */
export function canonicalText (value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === 'bigint') return { bigint: String(member) }
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => a < b ? -1 : 1))
  })
}
