import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'
import type { Point } from './points.ts'
import { readPoints } from './points.ts'

/**
 * The dense vectors of one name in the order of the points' ids; points without it are left out. The empty name is
 * the vector of collections whose vectors have no names.
 * @throws {BackupError} `SOURCE_MISSING` when there is no such collection or no point has the vector; `SOURCE_UNSUPPORTED` for sparse and multi-vectors
 */
export async function * readVectors (server: QdrantConnection, collection: string, name = '', { signal }: AbortOptions = {}): AsyncGenerator<Float32Array> {
  let found = false
  for await (const point of readPoints(server, collection, { vectors: name === '' ? true : [name], payload: false, signal })) {
    const vector = vectorOf(point, collection, name)
    if (vector === undefined) continue
    found = true
    yield vector
  }
  if (!found) throw new BackupError('SOURCE_MISSING', `no point of collection ${collection} has ${title(name)}`, { data: { collection, vector: name } })
}

function vectorOf ({ vector }: Point, collection: string, name: string): Float32Array | undefined {
  const value: unknown = name === '' || vector === null || vector === undefined || Array.isArray(vector) ? vector : (vector as Record<string, unknown>)[name]
  if (value === null || value === undefined) return undefined
  if (Array.isArray(value) && value.every(number => typeof number === 'number')) return Float32Array.from(value)
  throw new BackupError('SOURCE_UNSUPPORTED', `${title(name)} of collection ${collection} is no dense vector; name one of its dense vectors`, { data: { collection, vector: name } })
}

function title (name: string): string {
  return name === '' ? 'the unnamed vector' : `vector ${name}`
}
