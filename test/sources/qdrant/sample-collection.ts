import type { QdrantClient } from '@qdrant/js-client-rest'
import { sampleVectors } from './sample-vectors.ts'

/** Vectors `face` (128, cosine) and `scene` (2048, dot), payload indexes, numeric and UUID ids, and an alias if one is named. */
export async function createSampleCollection (client: QdrantClient, name: string, { count = 300, alias }: { count?: number, alias?: string } = {}): Promise<void> {
  await client.createCollection(name, {
    vectors: { face: { size: 128, distance: 'Cosine' }, scene: { size: 2048, distance: 'Dot', on_disk: true } },
    hnsw_config: { m: 24, ef_construct: 120 },
    quantization_config: { scalar: { type: 'int8', always_ram: true } },
    optimizers_config: { flush_interval_sec: 1 },
  })
  await client.createPayloadIndex(name, { field_name: 'city', field_schema: 'keyword', wait: true })
  await client.createPayloadIndex(name, { field_name: 'text', field_schema: { type: 'text', tokenizer: 'word', lowercase: true }, wait: true })
  await writeSamplePoints(client, name, { from: 0, to: count })
  if (alias !== undefined) await client.updateCollectionAliases({ actions: [{ create_alias: { collection_name: name, alias_name: alias } }] })
}

export async function writeSamplePoints (client: QdrantClient, name: string, { from, to }: { from: number, to: number }): Promise<void> {
  const faces = sampleVectors(to, 128)
  const scenes = sampleVectors(to, 2048)
  await client.upsert(name, {
    wait: true,
    points: Array.from({ length: to - from }, (_, offset) => {
      const index = from + offset
      return {
        id: index % 5 === 4 ? `00000000-0000-4000-8000-${String(index).padStart(12, '0')}` : index,
        vector: { face: [...faces[index]!], scene: [...scenes[index]!] },
        payload: { city: ['Köln', 'São Paulo', '東京'][index % 3], text: `memory number ${index}`, nested: { flag: index % 2 === 0, none: null, list: [index, 'x'] } },
      }
    }),
  })
}

/** How many snapshot files the collections of a server have. */
export async function countServerSnapshots (client: QdrantClient): Promise<number> {
  const { collections } = await client.getCollections()
  const counts = await Promise.all(collections.map(async ({ name }) => (await client.listSnapshots(name)).length))
  return counts.reduce((sum, count) => sum + count, 0)
}
