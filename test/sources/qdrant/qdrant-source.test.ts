import { hash } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { extract } from 'tar-stream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connectQdrant } from '../../../src/sources/qdrant/connection.ts'
import { qdrantSource } from '../../../src/sources/qdrant/qdrant-source.ts'
import { createServerSnapshot, deleteServerSnapshot, readServerSnapshot } from '../../../src/sources/qdrant/server-snapshot.ts'
import type { Artifact, Capture, Source } from '../../../src/sources/source.ts'
import { collect } from '../../../src/stream.ts'
import { sourceCompliance } from '../../compliance/source.ts'
import { startQdrant } from '../../servers/qdrant.ts'
import { blankingProxy } from './blanking-proxy.ts'
import { countServerSnapshots, createSampleCollection, writeSamplePoints } from './sample-collection.ts'

const server = await startQdrant({ apiKey: 'a-key-of-the-tests' })
const LIMIT = { limit: 100_000_000 }

describe.skipIf(server === undefined)('Qdrant source', () => {
  const { url, apiKey } = server ?? { url: 'http://localhost', apiKey: undefined }
  const { client } = connectQdrant({ url, apiKey })
  const captures: Capture[] = []

  beforeAll(async () => {
    await createSampleCollection(client, 'kb', { count: 200, alias: 'docs' })
    await createSampleCollection(client, 'été 2', { count: 20 })
    await untilFlushed('kb')
    await untilFlushed('été 2')
  })
  afterEach(async () => {
    await Promise.all(captures.splice(0).map(capture => capture.close()))
    expect(await countServerSnapshots(client)).toBe(0)
  })
  afterAll(async () => { await server?.stop() })

  /** A while after the last write the server flushes the collection, which changes its snapshots once more. */
  async function untilFlushed (collection: string): Promise<void> {
    for (let members: string[] = []; !members.includes('0/newest_clocks.json');) {
      const { capture, artifacts } = await open(qdrantSource({ url, apiKey, collections: [collection] }))
      members = await tarMembers(await read(artifacts[0]!))
      await capture.close()
    }
  }

  async function open (source: Source): Promise<{ capture: Capture, artifacts: Artifact[] }> {
    const capture = await source.capture()
    captures.push(capture)
    return { capture, artifacts: await Array.fromAsync(capture.artifacts()) }
  }

  describe('as a source', () => {
    sourceCompliance(async () => ({
      source: qdrantSource({ url, apiKey }),
      held: async () => await countServerSnapshots(client),
    }))
  })

  it('records version, exact points, parameters, payload indexes and aliases, and the very bytes of the snapshot', async () => {
    const { artifacts, capture } = await open(qdrantSource({ name: 'smile', url: `${url}/`, apiKey, collections: ['kb'] }))
    expect(artifacts.map(({ id, kind }) => [id, kind])).toEqual([['smile/collection/kb', 'qdrant.collection']])
    const { attributes, content } = artifacts[0]!
    expect(attributes).toMatchObject({
      collection: 'kb',
      serverVersion: server!.version,
      points: 200,
      aliases: ['docs'],
      config: {
        params: { vectors: { face: { size: 128, distance: 'Cosine' }, scene: { size: 2048, distance: 'Dot', on_disk: true } } },
        hnsw_config: { m: 24, ef_construct: 120 },
        quantization_config: { scalar: { type: 'int8' } },
        payload_schema: { city: { data_type: 'keyword' }, text: { data_type: 'text', params: { tokenizer: 'word' } } },
      },
    })
    expect(JSON.stringify(attributes)).not.toContain('"points":20,')
    if (content.form !== 'bytes') throw new Error('a collection is bytes')
    expect(content.cut).toBe('tar')
    const bytes = await collect(content.read(), LIMIT)
    expect(await tarMembers(bytes)).toEqual(expect.arrayContaining(['config.json', 'version.info']))
    const summary = await capture.finish()
    expect(summary.facts).toEqual({ serverVersion: server!.version, server: url, collections: 1 })
    expect(summary.notes).toEqual([])
    expect(JSON.stringify(summary)).not.toContain(apiKey)
  })

  it('deletes the copy on the server as soon as it was read', async () => {
    const { artifacts } = await open(qdrantSource({ url, apiKey }))
    expect(await countServerSnapshots(client)).toBe(2)
    await read(artifacts[0]!)
    expect(await countServerSnapshots(client)).toBe(1)
  })

  it('leaves alone a snapshot that somebody else took in the same second', async () => {
    const others = await client.createSnapshot('été 2')
    const { artifacts } = await open(qdrantSource({ url, apiKey, collections: ['été 2'] }))
    await read(artifacts[0]!)
    expect((await client.listSnapshots('été 2')).map(({ name }) => name)).toEqual([others!.name])
    await client.deleteSnapshot('été 2', others!.name)
  })

  it('proves every point by a digest when asked to, equal in two captures', async () => {
    const source = qdrantSource({ url, apiKey, collections: ['kb'], digest: 'points' })
    const [first, second] = [await open(source), await open(source)]
    const digest = first.artifacts[0]!.attributes['pointsDigest']
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(second.artifacts[0]!.attributes['pointsDigest']).toBe(digest)
  })

  it('says when points changed while the snapshot was made', async () => {
    await createSampleCollection(client, 'busy', { count: 10 })
    let index = 10
    const writing = new AbortController()
    const writer = (async () => { while (!writing.signal.aborted) await writeSamplePoints(client, 'busy', { from: index, to: ++index }) })()
    try {
      const { capture, artifacts } = await open(qdrantSource({ url, apiKey, collections: ['busy'], digest: 'points' }))
      const { points, pointsAfter, pointsDigest } = artifacts[0]!.attributes
      expect(Number(pointsAfter)).toBeGreaterThan(Number(points))
      expect(pointsDigest).toBeUndefined()
      expect((await capture.finish()).notes).toEqual([
        `Collection busy went from ${String(points)} to ${String(pointsAfter)} points while its snapshot was made; the snapshot holds a state in between.`,
        'Collection busy was written while it was captured, so its points have no digest.',
      ])
    } finally {
      writing.abort()
      await writer
      await client.deleteCollection('busy')
    }
  })

  it('leaves out what an unfinished restore has staged, and says so', async () => {
    await createSampleCollection(client, 'kb__restoring', { count: 1 })
    const { capture, artifacts } = await open(qdrantSource({ url, apiKey }))
    await client.deleteCollection('kb__restoring')
    expect(artifacts.map(({ id }) => id)).toEqual(['qdrant/collection/kb', 'qdrant/collection/été 2'])
    expect((await capture.finish()).notes).toEqual(['Collection kb__restoring belongs to an unfinished restore and was left out.'])
  })

  it('reports a collection that is deleted before its snapshot was read', async () => {
    await createSampleCollection(client, 'gone', { count: 5 })
    const { artifacts } = await open(qdrantSource({ url, apiKey, collections: ['gone'] }))
    await client.deleteCollection('gone')
    await expect(read(artifacts[0]!)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  it('either delivers a collection whole or reports it when it is deleted during the download', async () => {
    await createSampleCollection(client, 'going', { count: 300 })
    const { artifacts } = await open(qdrantSource({ url, apiKey, collections: ['going'] }))
    const [{ content }] = artifacts as [Artifact]
    const { size } = (await client.listSnapshots('going'))[0]!
    if (content.form !== 'bytes') throw new Error('a collection is bytes')
    let deleted = false
    let length = 0
    try {
      for await (const piece of content.read()) {
        length += piece.length
        if (!deleted) await client.deleteCollection('going')
        deleted = true
      }
      expect(length).toBe(size)
    } catch (error) {
      expect(error).toMatchObject({ code: 'SOURCE_CHANGED' })
    }
    expect(deleted).toBe(true)
  })

  it.each([1, 3])('asks for a checksum again that Qdrant says is empty: %i times', async times => {
    await using proxy = await blankingProxy(url, times)
    const connection = connectQdrant({ url: proxy.url, apiKey })
    const snapshot = await createServerSnapshot(connection, 'kb')
    expect(proxy.blanked).toEqual(Array.from({ length: times }, () => snapshot.checksum))
    const bytes = await collect(readServerSnapshot(connection, snapshot), LIMIT)
    expect(hash('sha256', bytes)).toBe(snapshot.checksum)
    await deleteServerSnapshot(connection, snapshot)
  })

  it('takes a snapshot whose checksum Qdrant never says', async () => {
    await using proxy = await blankingProxy(url, Infinity)
    const connection = connectQdrant({ url: proxy.url, apiKey })
    const snapshot = await createServerSnapshot(connection, 'kb')
    expect(snapshot.checksum).toBeUndefined()
    expect(await collect(readServerSnapshot(connection, snapshot), LIMIT)).toHaveLength(snapshot.sizeBytes)
    await deleteServerSnapshot(connection, snapshot)
  })

  it('notices a download that is not what Qdrant wrote', async () => {
    const { artifacts } = await open(qdrantSource({ url, apiKey, collections: ['été 2'] }))
    const { name } = (await client.listSnapshots('été 2'))[0]!
    await client.deleteSnapshot('été 2', name)
    await writeSamplePoints(client, 'été 2', { from: 20, to: 21 })
    const replaced = await (await fetch(`${url}/collections/${encodeURIComponent('été 2')}/snapshots`, { method: 'POST', headers: { 'api-key': apiKey! } })).json() as { result: { name: string } }
    const outcome = await read(artifacts[0]!).then(() => 'read', (error: { code: string }) => error.code)
    // Within the same second the other snapshot has the first one's name and other bytes; later it has another name.
    expect(outcome).toBe(replaced.result.name === name ? 'CHECKSUM_MISMATCH' : 'SOURCE_CHANGED')
    await client.deleteSnapshot('été 2', replaced.result.name).catch(() => {})
  })

  it.each([
    ['a collection that is not there', { collections: ['kb', 'nope'] }, 'SOURCE_MISSING', 'the server has kb, été 2'],
    ['an alias instead of a collection', { collections: ['docs'] }, 'SOURCE_MISSING', 'name its collection kb'],
    ['a wrong API key', { apiKey: 'wrong-and-secret' }, 'SOURCE_AUTH', 'refused the API key (HTTP 401)'],
  ])('says clearly that there is %s', async (_, options, code, text) => {
    const error = await qdrantSource({ url, apiKey, ...options }).capture().then(() => undefined, (thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) as string })
    expect(String(error)).not.toContain('secret')
    expect(await countServerSnapshots(client)).toBe(0)
  })

  it('says clearly that there is no server', async () => {
    const listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    listener.close()
    await once(listener, 'close')
    await expect(qdrantSource({ url: `http://127.0.0.1:${port}/` }).capture()).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: `asking for the version at http://127.0.0.1:${port}: no answer (ECONNREFUSED); check that Qdrant runs there and that the URL is right`,
    })
  })

  it.each(['localhost:6333', 'ftp://host', 'http://', '', 'http://user:password@host'])('refuses %j as a URL', bad => {
    expect(() => qdrantSource({ url: bad })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }) as Error)
  })
})

async function read (artifact: Artifact): Promise<Uint8Array> {
  if (artifact.content.form !== 'bytes') throw new Error('a collection is bytes')
  return await collect(artifact.content.read(), LIMIT)
}

async function tarMembers (bytes: Uint8Array): Promise<string[]> {
  const names: string[] = []
  const tar = extract()
  tar.end(bytes)
  for await (const entry of tar) {
    names.push(entry.header.name)
    entry.resume()
  }
  return names
}
