import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { packKey } from '../../src/cas/layout.ts'
import { walk } from '../../src/dag/walk.ts'
import { pcaRecipe, pcaRunner } from '../../src/engine/pca-recipe.ts'
import { previewRestore, restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { matrixRestorer } from '../../src/sources/matrix/matrix-restorer.ts'
import { matrixSource } from '../../src/sources/matrix/matrix-source.ts'
import type { MatrixStore } from '../../src/sources/matrix/matrix-store.ts'
import { folderMatrixStore } from '../../src/sources/matrix/folder-matrix-store.ts'
import { computePca, encodePca } from '../../src/sources/matrix/pca.ts'
import { connectQdrant } from '../../src/sources/qdrant/connection.ts'
import { qdrantRestorer } from '../../src/sources/qdrant/qdrant-restorer.ts'
import { qdrantSource } from '../../src/sources/qdrant/qdrant-source.ts'
import { readVectors } from '../../src/sources/qdrant/read-vectors.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { bytesOf, collect } from '../../src/stream.ts'
import { startQdrant } from '../servers/qdrant.ts'
import type { QdrantServer } from '../servers/qdrant.ts'
import { seededRandom } from '../seeded-random.ts'

const server = await startQdrant()

describe.skipIf(server === undefined)('a matrix whose bytes are lost', () => {
  const { url, apiKey } = server as QdrantServer
  let folder: string
  let repository: Repository
  let original: Uint8Array
  let id: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'caf-recompute-'))
    repository = await createRepository(memoryBackend())
    await fillCollection()
    const store = folderMatrixStore(join(folder, 'first'))
    original = encodePca(await computePca(readVectors(connectQdrant({ url, apiKey }), 'thoughts', 'full'), { components: 16 })).components
    await store.write('pca', bytesOf(original))
    const describeMatrix = () => ({ deps: ['qdrant/collection/thoughts'], recipe: pcaRecipe({ vector: 'full', components: 16, output: 'components' }) })
    id = (await createSnapshot(repository, { sources: [qdrantSource({ url, apiKey, collections: ['thoughts'] }), matrixSource({ store, describe: describeMatrix })], description: 'before the loss' })).id
  })

  afterAll(async () => {
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('comes back from what it was computed from, byte for byte, and is stored again', async () => {
    await damage('matrices/matrix/pca')
    expect((await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))).flatMap(({ affected }) => affected.map(({ node }) => node))).toContain('matrices/matrix/pca')
    const store = folderMatrixStore(join(folder, 'second'))
    const outcome = await restore(store)
    expect(outcome).toMatchObject({ recomputed: 1, restored: 2 })
    expect(Buffer.from(await readMatrix(store)).equals(original)).toBe(true)
    const again = await previewRestore(repository, id, { restorers: restorersOf(folderMatrixStore(join(folder, 'third'))), policy: { strategy: 'full' } })
    expect(again.steps.filter(step => step.recomputed)).toEqual([])
  })

  it('is not made up when its recipe is not known: nothing is restored', async () => {
    await damage('matrices/matrix/pca')
    const store = folderMatrixStore(join(folder, 'fourth'))
    await expect(restore(store, [])).rejects.toMatchObject({ code: 'RECIPE_UNKNOWN' })
    expect(await store.read('pca').catch(() => undefined)).toBeUndefined()
  })

  it('is refused when computing gives something else', async () => {
    const other = { name: 'pca', version: 1, run: () => bytesOf('another matrix') }
    const store = folderMatrixStore(join(folder, 'fifth'))
    await expect(restore(store, [other])).rejects.toMatchObject({ code: 'RECIPE_MISMATCH' })
  })

  async function fillCollection (): Promise<void> {
    const client = new QdrantClient({ url, checkCompatibility: false, ...(apiKey === undefined ? {} : { apiKey }) })
    await client.createCollection('thoughts', { vectors: { full: { size: 96, distance: 'Dot' } } })
    const random = seededRandom(5)
    const points = Array.from({ length: 200 }, (_, point) => ({ id: point, vector: { full: Array.from({ length: 96 }, () => Math.fround(random() - 0.5)) } }))
    await client.upsert('thoughts', { wait: true, points })
  }

  function restorersOf (store: MatrixStore) {
    return [qdrantRestorer({ url, apiKey, collections: { thoughts: 'thoughts-copy' }, replace: 'swap' }), matrixRestorer({ store })]
  }

  async function restore (store: MatrixStore, recipes = [pcaRunner({ url, apiKey })]) {
    return await restoreSnapshot(repository, id, { restorers: restorersOf(store), recipes, policy: { strategy: 'full', preserveHistory: false } })
  }

  async function readMatrix (store: MatrixStore): Promise<Uint8Array> {
    const bytes = await store.read('pca')
    if (bytes === undefined) throw new Error('the matrix is not there')
    return await collect(bytes, { limit: 1_000_000 })
  }

  /** Overwrites a part of every stored copy of the node's first chunk. */
  async function damage (nodeId: string): Promise<void> {
    const node = (await loadNodes(await findView(repository, id), repository)).get(nodeId)?.node
    if (node === undefined) throw new Error(`no node ${nodeId}`)
    for await (const { address, kind } of walk([node.content.root], repository)) {
      if (kind !== 'chunk') continue
      for (const { pack, offset } of repository.copies(address)) {
        const bytes = await repository.backend.get(packKey(pack))
        if (bytes === undefined) throw new Error(`no pack ${pack}`)
        const spoilt = Buffer.from(bytes)
        spoilt.fill(0xee, offset + 20, offset + 28)
        await repository.backend.put(packKey(pack), spoilt)
      }
      break
    }
    repository = await openRepository(repository.backend) // one that has read nothing yet
  }
})
