import { createHash } from 'node:crypto'
import type { AbortOptions } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'
import { canonicalText, readPoints } from './points.ts'

/**
 * SHA-256 over all points: ids, vectors (as the server holds them: cosine vectors are normalised) and payloads,
 * in the order of the ids. Equal collections have equal digests on every server; reads every point once.
 */
export async function digestPoints (server: QdrantConnection, collection: string, options: AbortOptions = {}): Promise<string> {
  const hash = createHash('sha256')
  for await (const { id, vector, payload } of readPoints(server, collection, options)) {
    hash.update(`${canonicalText([id, vector ?? null, payload ?? {}])}\n`)
  }
  return hash.digest('hex')
}
