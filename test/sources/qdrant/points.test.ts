import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareCollections } from '../../../src/sources/qdrant/compare-collections.ts'
import { connectQdrant } from '../../../src/sources/qdrant/connection.ts'
import { canonicalText, comparePointIds, readPoints } from '../../../src/sources/qdrant/points.ts'
import { digestPoints } from '../../../src/sources/qdrant/points-digest.ts'
import { readVectors } from '../../../src/sources/qdrant/read-vectors.ts'
import { startQdrant } from '../../servers/qdrant.ts'
import { sampleVectors } from './sample-vectors.ts'

const server = await startQdrant()
const UUID = '0c56c793-69f3-4fbf-87e6-c4bf54c28c26'

describe.skipIf(server === undefined)('points of a collection', () => {
  const { url } = server ?? { url: 'http://localhost' }
  const connection = connectQdrant({ url })
  const { client } = connection
  const vectors = sampleVectors(30, 128)

  beforeAll(async () => {
    for (const name of ['a', 'b']) {
      await client.createCollection(name, { vectors: { face: { size: 128, distance: 'Dot' } }, sparse_vectors: { words: {} } })
      await client.upsert(name, { wait: true, points: vectors.map((vector, id) => ({ id, vector: { face: [...vector] }, payload: { id } })) })
      await client.upsert(name, { wait: true, points: [{ id: UUID, vector: { words: { indices: [1], values: [2] } }, payload: { text: 'ß' } }] })
    }
    await client.createCollection('plain', { vectors: { size: 4, distance: 'Cosine' } })
    await client.upsert('plain', { wait: true, points: [{ id: 7, vector: [3, 0, 4, 0] }] })
  })
  afterAll(async () => { await server?.stop() })

  const a = { server: connection, collection: 'a' }
  const b = { server: connection, collection: 'b' }

  it('come in ascending order of their ids, numbers first, whatever the size of a page', async () => {
    for (const pageSize of [1, 7, 31, 1000]) {
      const ids = await Array.fromAsync(readPoints(connection, 'a', { pageSize }), ({ id }) => id)
      expect(ids).toEqual([...vectors.keys(), UUID])
      expect(ids.toSorted(comparePointIds)).toEqual(ids)
    }
    expect(['b', 2n ** 63n, 'a', 10, 9].toSorted(comparePointIds)).toEqual([9, 10, 2n ** 63n, 'a', 'b'])
  })

  it('are equal in equal collections', async () => {
    expect(await compareCollections(a, b)).toEqual({ equal: true, points: [31, 31], differences: [] })
    expect(await digestPoints(connection, 'a')).toBe(await digestPoints(connection, 'b'))
  })

  it('show their first differences in vectors, payloads and ids', async () => {
    await client.upsert('b', { wait: true, points: [{ id: 3, vector: { face: [...vectors[4]!] }, payload: { id: 3 } }, { id: 99, vector: {} }] })
    await client.setPayload('b', { points: [5], payload: { id: 6 }, wait: true })
    await client.delete('b', { points: [9], wait: true })
    const { equal, points, differences } = await compareCollections(a, b)
    expect(equal).toBe(false)
    expect(points).toEqual([31, 31])
    expect(differences).toEqual([{ id: 3, what: 'vector' }, { id: 5, what: 'payload' }, { id: 9, what: 'only in a' }, { id: 99, what: 'only in b' }])
    expect((await compareCollections(a, b, { limit: 2 })).differences).toHaveLength(2)
    expect(await digestPoints(connection, 'a')).not.toBe(await digestPoints(connection, 'b'))
  })

  it('give their vectors of one name as float32 numbers, leaving out points without it', async () => {
    expect(await Array.fromAsync(readVectors(connection, 'a', 'face'))).toEqual(vectors)
    expect(await Array.fromAsync(readVectors(connection, 'plain'))).toEqual([Float32Array.from([0.6, 0, 0.8, 0])])
  })

  it('say when there are no dense vectors of that name', async () => {
    await expect(Array.fromAsync(readVectors(connection, 'a', 'words'))).rejects.toMatchObject({ code: 'SOURCE_UNSUPPORTED' })
    await expect(Array.fromAsync(readVectors(connection, 'nope', 'face'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
    await client.createCollection('empty', { vectors: { size: 4, distance: 'Cosine' } })
    await expect(Array.fromAsync(readVectors(connection, 'empty'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  it('stop when the signal is aborted', async () => {
    const reason = new Error('enough')
    await expect(compareCollections(a, b, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('canonical text', () => {
  it('does not depend on the order of members, but on all values', () => {
    expect(canonicalText({ b: 1, a: [{ d: 2n ** 60n, c: null }] })).toBe(canonicalText({ a: [{ c: null, d: 2n ** 60n }], b: 1 }))
    expect(canonicalText([1, 2])).not.toBe(canonicalText([2, 1]))
  })
})
