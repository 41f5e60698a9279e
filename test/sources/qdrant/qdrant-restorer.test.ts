import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BackupError } from '../../../src/errors.ts'
import { compareCollections } from '../../../src/sources/qdrant/compare-collections.ts'
import { connectQdrant } from '../../../src/sources/qdrant/connection.ts'
import { qdrantRestorer } from '../../../src/sources/qdrant/qdrant-restorer.ts'
import type { QdrantRestorerOptions } from '../../../src/sources/qdrant/qdrant-restorer.ts'
import { qdrantSource } from '../../../src/sources/qdrant/qdrant-source.ts'
import type { RestoreItem } from '../../../src/sources/source.ts'
import { collect } from '../../../src/stream.ts'
import { startQdrant } from '../../servers/qdrant.ts'
import { bytesItem, captureItems } from '../captured-item.ts'
import { cuttingProxy } from './cutting-proxy.ts'
import { countServerSnapshots, createSampleCollection, writeSamplePoints } from './sample-collection.ts'

const server = await startQdrant()

describe.skipIf(server === undefined)('Qdrant restorer', () => {
  const { url } = server ?? { url: 'http://localhost' }
  const connection = connectQdrant({ url })
  const { client } = connection
  let items: RestoreItem[]

  beforeAll(async () => {
    await createSampleCollection(client, 'kb', { count: 200, alias: 'docs' })
    items = await captureItems(qdrantSource({ url, digest: 'points' }))
  })
  afterEach(async () => {
    const { collections } = await client.getCollections()
    for (const { name } of collections) if (name !== 'kb') await client.deleteCollection(name)
    await client.updateCollectionAliases({ actions: [{ create_alias: { alias_name: 'docs', collection_name: 'kb' } }] })
    expect(await countServerSnapshots(client)).toBe(0)
  })
  afterAll(async () => { await server?.stop() })

  const COPY = { collections: { kb: 'copy' }, aliases: { docs: 'copies' } } as const

  async function names (): Promise<string[]> {
    return (await client.getCollections()).collections.map(({ name }) => name).sort()
  }
  async function aliases (): Promise<Record<string, string>> {
    const found = await client.getAliases()
    return Object.fromEntries(found.aliases.map(({ alias_name: alias, collection_name: name }) => [alias, name]))
  }
  async function restore (options: Partial<QdrantRestorerOptions>): Promise<void> {
    const restorer = qdrantRestorer({ url, ...options })
    expect(await restorer.check(items)).toEqual([])
    await restorer.prepare(items)
    await restorer.commit()
    await restorer.close()
  }
  async function expectEqual (a: string, b: string): Promise<void> {
    expect(await compareCollections({ server: connection, collection: a }, { server: connection, collection: b })).toEqual({ equal: true, points: [200, 200], differences: [] })
  }

  it('brings back every point, the parameters, the payload indexes and the aliases under another name', async () => {
    const done: string[] = []
    const restorer = qdrantRestorer({ url, ...COPY, verify: 'points' })
    expect(await restorer.check(items)).toEqual([])
    expect(await restorer.holds(items[0]!)).toBe(false)
    await restorer.prepare(items, { onItem: item => done.push(item.id) })
    expect(done).toEqual(['qdrant/collection/kb'])
    expect(await names()).toEqual(['copy__restoring', 'kb'])
    await restorer.commit()
    await restorer.commit()
    expect(await names()).toEqual(['copy', 'kb'])
    expect(await aliases()).toEqual({ docs: 'kb', copies: 'copy' })
    await expectEqual('kb', 'copy')
    const [{ config: expected }, { config: actual, payload_schema: schema }] = [await client.getCollection('kb'), await client.getCollection('copy')]
    expect(actual).toEqual(expected)
    expect(Object.keys(schema).sort()).toEqual(['city', 'text'])
    expect(await restorer.holds(items[0]!)).toBe(true)
    await restorer.close()
  })

  it('changes nothing visible until the commit, and leaves nothing after an abort', async () => {
    const restorer = qdrantRestorer({ url, ...COPY })
    await restorer.prepare(items)
    expect(await aliases()).toEqual({ docs: 'kb', copies__restoring: 'copy__restoring' })
    await restorer.abort()
    await restorer.abort()
    expect(await names()).toEqual(['kb'])
    expect(await aliases()).toEqual({ docs: 'kb' })
  })

  it('replaces a collection that has changed, keeping aliases that were added since', async () => {
    await restore(COPY)
    await writeSamplePoints(client, 'copy', { from: 200, to: 210 })
    await client.updateCollectionAliases({ actions: [{ create_alias: { alias_name: 'added', collection_name: 'copy' } }] })
    expect(await qdrantRestorer({ url, ...COPY }).holds(items[0]!)).toBe(false)
    await restore({ ...COPY, replace: 'swap' })
    await expectEqual('kb', 'copy')
    expect(await aliases()).toEqual({ docs: 'kb', copies: 'copy', added: 'copy' })
  })

  it('knows an untouched collection by its bytes when points have no digest', async () => {
    const [plain] = await captureItems(qdrantSource({ url }))
    expect(plain!.attributes['pointsDigest']).toBeUndefined()
    let isHeld = false
    for (let attempt = 0; attempt < 20 && !isHeld; attempt++) { // the server may flush in between, which changes the bytes
      const [item] = await captureItems(qdrantSource({ url }))
      isHeld = await qdrantRestorer({ url }).holds(item!)
    }
    expect(isHeld).toBe(true)
    expect(await qdrantRestorer({ url, collections: { kb: 'nope' } }).holds(plain!)).toBe(false)
  })

  it('can skip the aliases', async () => {
    await restore({ collections: { kb: 'copy' }, aliases: 'skip' })
    expect(await aliases()).toEqual({ docs: 'kb' })
  })

  it('commits, or aborts, in a new process what a killed one prepared', async () => {
    for (const act of ['commit', 'abort'] as const) {
      await prepareAndDie(items, { url, ...COPY })
      expect(await names()).toEqual(['copy__restoring', 'kb'])
      const restorer = qdrantRestorer({ url, ...COPY })
      await restorer[act]()
      expect(await names()).toEqual(act === 'commit' ? ['copy', 'kb'] : ['kb'])
      if (act === 'commit') await expectEqual('kb', 'copy')
      if (act === 'commit') await client.deleteCollection('copy')
    }
  })

  it.each([{ replace: 'refuse' }, { replace: 'swap' }] as const)('can be committed by another process wherever the first commit was cut off ($replace)', async ({ replace }) => {
    const [small] = await smallItems()
    const options = { url, collections: { small: 'copy' }, aliases: { few: 'copies' }, replace }
    let effects = 0
    for (let after = 1, isWhole = false; !isWhole; after++) {
      if (replace === 'swap') {
        await createTiny('copy', 3)
        await client.updateCollectionAliases({ actions: ['copies', 'added'].map(alias => ({ create_alias: { alias_name: alias, collection_name: 'copy' } })) })
      }
      await qdrantRestorer(options).prepare([small!])
      await using proxy = await cuttingProxy(url, after)
      isWhole = await qdrantRestorer({ ...options, url: proxy.url }).commit().then(() => true, (error: BackupError) => {
        expect(error.code).toBe('SOURCE_UNREACHABLE')
        return false
      })
      await qdrantRestorer(options).commit()
      await qdrantRestorer(options).abort()
      expect(await names(), `cut at ${proxy.effects.at(-1)}`).toEqual(['copy', 'kb', 'small'])
      expect(await aliases()).toEqual({ docs: 'kb', few: 'small', copies: 'copy', ...(replace === 'swap' ? { added: 'copy' } : {}) })
      expect((await client.count('copy')).count).toBe(5)
      expect(await countServerSnapshots(client)).toBe(0)
      await client.deleteCollection('copy')
      effects = proxy.effects.length
    }
    expect(effects).toBeGreaterThan(4)
  })

  it('has no way back once a commit has begun', async () => {
    const options = { url, ...COPY }
    await qdrantRestorer(options).prepare(items)
    await using proxy = await cuttingProxy(url, 1)
    await expect(qdrantRestorer({ ...options, url: proxy.url }).commit()).rejects.toThrow()
    await expect(qdrantRestorer(options).abort()).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
    await qdrantRestorer(options).commit()
    await expectEqual('kb', 'copy')
  })

  it('refuses what would overwrite or could not work, all at once and before any effect', async () => {
    await createSampleCollection(client, 'taken', { count: 1, alias: 'used' })
    await createSampleCollection(client, 'open__restoring', { count: 1 })
    const check = async (options: Partial<QdrantRestorerOptions>, given = items): Promise<string[]> =>
      (await qdrantRestorer({ url, aliases: 'skip', ...options }).check(given)).map(problem => problem.code)
    expect(await check({})).toEqual(['TARGET_EXISTS'])
    expect(await check({ replace: 'swap' })).toEqual([])
    expect(await check({ aliases: 'restore', collections: { kb: 'new' } })).toEqual(['TARGET_EXISTS'])
    expect(await check({ aliases: 'restore', collections: { kb: 'new' }, replace: 'swap' })).toEqual([])
    expect(await check({ aliases: { docs: 'taken' }, collections: { kb: 'new' }, replace: 'swap' })).toEqual(['TARGET_EXISTS'])
    expect(await check({ collections: { kb: 'used' }, replace: 'swap' })).toEqual(['TARGET_EXISTS'])
    expect(await check({ collections: { kb: 'open' } })).toEqual(['TARGET_EXISTS'])
    expect(await check({ collections: { kb: 'a/b' } })).toEqual(['INVALID_OPTION'])
    expect(await check({ collections: { kb: 'x'.repeat(250) } })).toEqual(['INVALID_OPTION'])
    expect(await check({ collections: { kb: 'new' } }, [items[0]!, items[0]!])).toEqual(['INVALID_OPTION'])
    expect(await check({ collections: { kb: 'new' }, verify: 'points' }, [changed({ pointsDigest: undefined })])).toEqual(['INVALID_OPTION'])
    expect(await check({ collections: { kb: 'new' }, aliases: 'skip', url: 'http://127.0.0.1:9' })).toEqual(['SOURCE_UNREACHABLE'])
    expect(await names()).toEqual(['kb', 'open__restoring', 'taken'])
  })

  it.each([['1.15.9', []], ['1.16.0', []], ['1.14.0', ['TARGET_VERSION']], ['1.17.0', ['TARGET_VERSION']], ['2.16.0', ['TARGET_VERSION']], ['unknown', ['TARGET_VERSION']]])('a snapshot of Qdrant %s on 1.16 has the problems %j', async (serverVersion, codes) => {
    const problems = await qdrantRestorer({ url, ...COPY }).check([changed({ serverVersion })])
    expect(problems.map(problem => problem.code)).toEqual(codes)
  })

  it.each([
    ['another number of points', { points: 199 }, {}],
    ['other parameters', { config: { params: { vectors: { face: { size: 64, distance: 'Cosine' } } } } }, { verify: 'config' }],
    ['other points', { pointsDigest: '0'.repeat(64) }, { verify: 'points' }],
  ] as const)('makes nothing visible when what came back has %s', async (_, attributes, options) => {
    const restorer = qdrantRestorer({ url, ...COPY, ...options })
    await expect(restorer.prepare([changed(attributes)])).rejects.toMatchObject({ code: 'TARGET_DIFFERS' })
    await restorer.abort()
    expect(await names()).toEqual(['kb'])
  })

  it('accepts any number of points between those before and after a capture under writes', async () => {
    const restorer = qdrantRestorer({ url, ...COPY })
    await restorer.prepare([changed({ points: 190, pointsAfter: 210 })])
    await restorer.abort()
  })

  it('leaves nothing on the server when Qdrant refuses a snapshot', async () => {
    const half = bytesItem(items[0]!, (await collect(items[0]!.read(), { limit: 1e9 })).subarray(0, 900_000))
    const restorer = qdrantRestorer({ url, ...COPY })
    await expect(restorer.prepare([half])).rejects.toMatchObject({ code: 'TARGET_FAILED' })
    await restorer.abort()
    expect(await names()).toEqual(['kb'])
    await client.createCollection('copy__restoring', { vectors: {} })
    expect(await client.listSnapshots('copy__restoring')).toEqual([])
  })

  it('passes on the error of a damaged item before anything is uploaded', async () => {
    const damage = new BackupError('BLOB_CORRUPT', 'flipped')
    const damaged: RestoreItem = { ...items[0]!, async * read () { yield Buffer.alloc(10); throw damage } }
    await expect(qdrantRestorer({ url, ...COPY }).prepare([damaged])).rejects.toBe(damage)
    expect(await names()).toEqual(['kb'])
  })

  it('stops when its signal is aborted, and can then be aborted', async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    let readings = 0
    const slow: RestoreItem = {
      ...items[0]!,
      async * read (options) {
        yield * items[0]!.read(options)
        if (++readings === 2) setImmediate(() => { controller.abort(reason) }) // the first reading computes the checksum, the second one is sent
      },
    }
    const restorer = qdrantRestorer({ url, ...COPY })
    await expect(restorer.prepare([slow], { signal: controller.signal })).rejects.toBe(reason)
    await restorer.abort()
    expect(await names()).toEqual(['kb'])
  })

  it('refuses to prepare over an unfinished restore, and does not touch it', async () => {
    await qdrantRestorer({ url, ...COPY }).prepare(items)
    const second = qdrantRestorer({ url, ...COPY })
    await expect(second.prepare(items)).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
    expect(await names()).toEqual(['copy__restoring', 'kb'])
    await qdrantRestorer({ url }).abort()
    expect(await names()).toEqual(['kb'])
  })

  function changed (attributes: Record<string, unknown>): RestoreItem {
    const merged = { ...items[0]!.attributes, ...attributes } as RestoreItem['attributes']
    return { ...items[0]!, attributes: Object.fromEntries(Object.entries(merged).filter(([, value]) => value as unknown !== undefined)) }
  }

  async function smallItems (): Promise<RestoreItem[]> {
    await createTiny('small', 5)
    await client.updateCollectionAliases({ actions: [{ create_alias: { alias_name: 'few', collection_name: 'small' } }] })
    return await captureItems(qdrantSource({ url, collections: ['small'] }))
  }

  async function createTiny (name: string, count: number): Promise<void> {
    await client.createCollection(name, { vectors: { size: 4, distance: 'Dot' }, wal_config: { wal_capacity_mb: 1 }, optimizers_config: { default_segment_number: 1 } })
    await client.upsert(name, { wait: true, points: Array.from({ length: count }, (_, id) => ({ id, vector: [id, 1, 2, 3] })) })
  }
})

/** Prepares in a process of its own and kills it with SIGKILL afterwards. */
async function prepareAndDie (items: readonly RestoreItem[], options: QdrantRestorerOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'caf-test-'))
  try {
    const [item] = items
    await writeFile(join(folder, 'bytes'), await collect(item!.read(), { limit: 1e9 }))
    await writeFile(join(folder, 'item.json'), JSON.stringify({ item: { id: item!.id, kind: item!.kind, deps: item!.deps, attributes: item!.attributes }, options }))
    const child = fork(join(import.meta.dirname, 'prepare-and-wait.ts'), [folder])
    await once(child, 'message')
    child.kill('SIGKILL')
    await once(child, 'exit')
  } finally {
    await rm(folder, { recursive: true })
  }
}
