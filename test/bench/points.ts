import { QdrantClient } from '@qdrant/js-client-rest'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom, sentence } from './random.ts'

const COLLECTIONS = [
  { name: 'facts', dimension: 128, points: 100_000, batch: 500 },
  { name: 'documents', dimension: 2_048, points: 4_000, batch: 50 },
] as const

/** The application's collections on an empty server. They have no vector index: it is built in the background, and every contender would be measured beside that. */
export async function fillCollections (url: string, scale: number): Promise<void> {
  const client = new QdrantClient({ url, checkCompatibility: false })
  for (const { name, dimension, points, batch } of COLLECTIONS) {
    await client.createCollection(name, { vectors: { size: dimension, distance: 'Cosine' }, optimizers_config: { indexing_threshold: 0, default_segment_number: 2 } })
    const total = count(points, scale)
    for (let start = 0; start < total; start += batch) {
      await client.upsert(name, { wait: false, points: Array.from({ length: Math.min(batch, total - start) }, (_, at) => point(start + at, dimension, 0)) })
    }
    await settled(client, name, total)
  }
}

/** A day: 2 % of the points get another vector and payload. `day` counts from 1. */
export async function changePoints (url: string, scale: number, day: number): Promise<void> {
  const client = new QdrantClient({ url, checkCompatibility: false })
  for (const { name, dimension, points, batch } of COLLECTIONS) {
    const total = count(points, scale)
    const changed = Array.from({ length: Math.ceil(total / 50) }, (_, at) => (at * 50 + day * 7) % total).map(id => point(id, dimension, day))
    for (let start = 0; start < changed.length; start += batch) await client.upsert(name, { wait: true, points: changed.slice(start, start + batch) })
    await settled(client, name, total)
  }
}

const count = (full: number, scale: number): number => Math.max(200, Math.round(full * scale))

function point (id: number, dimension: number, day: number): { id: number, vector: number[], payload: Record<string, unknown> } {
  const random = seededRandom(id * 13 + day * 7_919 + dimension)
  const vector = Array.from({ length: dimension }, () => Math.fround(random() - 0.5))
  return { id, vector, payload: { user: id % 200, day, text: sentence(random, 12) } }
}

async function settled (client: QdrantClient, name: string, total: number): Promise<void> {
  for (;;) {
    const { status, points_count: points } = await client.getCollection(name)
    if (status === 'green' && points === total) return
    await delay(50)
  }
}
