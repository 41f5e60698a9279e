import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { QdrantClient } from '@qdrant/js-client-rest'
import { seededRandom } from '../../seeded-random.ts'

/** A vector near one of 24 directions, as embeddings of related texts are. */
function embedding (random: () => number, dimension: number, cluster: number): number[] {
  const direction = seededRandom(cluster * 7919 + dimension)
  return Array.from({ length: dimension }, () => Math.fround(direction() - 0.5 + (random() - 0.5) * 0.4))
}

export const DEMO_POINTS = 500

/** Creates the collection of the application's memories: two named vectors a point, an index on a payload field, an alias. */
export async function createMemories (client: QdrantClient, collection: string): Promise<void> {
  await client.createCollection(collection, {
    vectors: { gist: { size: 128, distance: 'Cosine' }, full: { size: 2048, distance: 'Dot' } },
    optimizers_config: { default_segment_number: 1 },
  })
  await client.createPayloadIndex(collection, { field_name: 'user', field_schema: 'integer', wait: true })
  await client.updateCollectionAliases({ actions: [{ create_alias: { collection_name: collection, alias_name: `${collection}-live` } }] })
}

/** Writes the memories `from` to `to` − 1. */
export async function writeMemories (client: QdrantClient, collection: string, { from, to }: { readonly from: number, readonly to: number }): Promise<void> {
  for (let start = from; start < to; start += 100) {
    const points = Array.from({ length: Math.min(100, to - start) }, (_, offset) => {
      const id = start + offset
      const random = seededRandom(id + 1)
      return { id, vector: { gist: embedding(random, 128, id % 24), full: embedding(random, 2048, id % 24) }, payload: { user: id % 200, fact: id * 3, note: `memory ${id}` } }
    })
    await client.upsert(collection, { wait: true, points })
  }
}

/** Stored files of the first day: texts, binaries, an empty one, odd names, a link. */
export async function writeFiles (folder: string): Promise<void> {
  for (let number = 0; number < 120; number++) {
    const random = seededRandom(number + 77)
    const binary = number % 4 === 0
    const bytes = Buffer.from(Array.from({ length: Math.floor(random() * (binary ? 40_000 : 9_000)) }, () => binary ? Math.floor(random() * 256) : 97 + Math.floor(random() * 16)))
    await put(join(folder, `user-${number % 10}`, binary ? `voice-${number}.opus` : `note-${number}.txt`), bytes)
  }
  await put(join(folder, 'empty'), Buffer.alloc(0))
  await put(join(folder, 'ção é', 'memória “um”.txt'), Buffer.from('olá\n'))
  await symlink('user-0/note-10.txt', join(folder, 'latest'))
}

/** Files of the day of change. */
export async function changeFiles (folder: string): Promise<void> {
  await put(join(folder, 'user-1', 'note-1.txt'), Buffer.from('rewritten on the second day\n'))
  await put(join(folder, 'user-3', 'note-new.txt'), Buffer.from('new on the second day\n'))
}

async function put (path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
}
