import type { AbortOptions } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'
import type { Point, PointId } from './points.ts'
import { canonicalText, comparePointIds, readPoints } from './points.ts'

export interface CollectionReference {
  readonly server: QdrantConnection
  readonly collection: string
}

export interface PointDifference {
  readonly id: PointId
  readonly what: 'only in a' | 'only in b' | 'vector' | 'payload'
}

export interface CollectionComparison {
  readonly equal: boolean
  /** Points in a and in b, as far as they were read. */
  readonly points: readonly [number, number]
  /** The first differences in the order of the ids; reading stops when there are `limit` of them. */
  readonly differences: readonly PointDifference[]
}

export interface CompareOptions extends AbortOptions {
  /** @default 10 */
  readonly limit?: number
}

/** Compares two collections point by point (ids, vectors, payloads), with two pages in memory. */
export async function compareCollections (a: CollectionReference, b: CollectionReference, { limit = 10, signal }: CompareOptions = {}): Promise<CollectionComparison> {
  const differences: PointDifference[] = []
  const points: [number, number] = [0, 0]
  for await (const [left, right] of paired(readPoints(a.server, a.collection, { signal }), readPoints(b.server, b.collection, { signal }))) {
    if (left !== undefined) points[0]++
    if (right !== undefined) points[1]++
    const difference = differenceOf(left, right)
    if (difference !== undefined) differences.push(difference)
    if (differences.length >= limit) break
  }
  return { equal: differences.length === 0, points, differences }
}

function differenceOf (a: Point | undefined, b: Point | undefined): PointDifference | undefined {
  if (a === undefined) return b === undefined ? undefined : { id: b.id, what: 'only in b' }
  if (b === undefined) return { id: a.id, what: 'only in a' }
  if (canonicalText(a.vector) !== canonicalText(b.vector)) return { id: a.id, what: 'vector' }
  if (canonicalText(a.payload ?? {}) !== canonicalText(b.payload ?? {})) return { id: a.id, what: 'payload' }
  return undefined
}

/** Merges two ordered streams: points of equal id side by side, others alone. */
async function * paired (a: AsyncGenerator<Point>, b: AsyncGenerator<Point>): AsyncGenerator<[Point | undefined, Point | undefined]> {
  let [left, right] = await Promise.all([a.next(), b.next()])
  while (left.done !== true || right.done !== true) {
    const order = left.done === true ? 1 : right.done === true ? -1 : comparePointIds(left.value.id, right.value.id)
    yield [order <= 0 && left.done !== true ? left.value : undefined, order >= 0 && right.done !== true ? right.value : undefined]
    if (order <= 0) left = await a.next()
    if (order >= 0) right = await b.next()
  }
}
