import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { folderMatrixStore } from '../../../src/sources/matrix/folder-matrix-store.ts'
import { matrixRestorer } from '../../../src/sources/matrix/matrix-restorer.ts'
import { matrixSource } from '../../../src/sources/matrix/matrix-source.ts'
import type { MatrixStore } from '../../../src/sources/matrix/matrix-store.ts'
import { metadataMatrixStore } from '../../../src/sources/matrix/metadata-matrix-store.ts'
import { encodeNpy } from '../../../src/sources/matrix/npy.ts'
import { bytesOf, collect } from '../../../src/stream.ts'
import { sourceCompliance } from '../../compliance/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { bytesItem, captureItems } from '../captured-item.ts'

const LIMIT = { limit: 1e9 }
const FACES = encodeNpy({ rows: 128, columns: 200, data: Float32Array.from({ length: 25_600 }, (_, index) => index / 7) })
const MEAN = encodeNpy({ rows: 1, columns: 3, data: Float64Array.of(1, 2, 3) })

let postgres: TestPostgres
let client: Client
let folder: string
beforeAll(async () => {
  postgres = await startPostgres({ major: 18 })
  client = new Client({ connectionString: postgres.url('postgres') })
  await client.connect()
  await client.query('CREATE SCHEMA "Con trol"; CREATE TABLE "Con trol".projects (slug text PRIMARY KEY, metadata jsonb)')
})
afterAll(async () => {
  await client.end()
  await postgres.stop()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-matrices-'))
  await client.query('TRUNCATE "Con trol".projects; INSERT INTO "Con trol".projects VALUES (\'psyche\', \'{"theme": "dark"}\'), (\'fresh\', NULL), (\'other\', \'{"matrices": {}}\')')
})
afterEach(async () => { await rm(folder, { recursive: true }) })

const metadataOf = (key: string): MatrixStore => metadataMatrixStore({ query: async (sql, values) => await client.query<Record<string, unknown>>(sql, [...values]), table: 'Con trol.projects', keyColumn: 'slug', key })

describe.each([
  ['a folder', () => folderMatrixStore(folder)],
  ['metadata', () => metadataOf('psyche')],
  ['metadata that is null', () => metadataOf('fresh')],
])('matrices in %s', (_, openStore) => {
  let store: MatrixStore
  beforeEach(async () => {
    store = openStore()
    await store.write('faces', bytesOf(FACES))
    await store.write("mean of 'faces'", bytesOf(MEAN))
  })

  const names = async (): Promise<string[]> => (await store.list()).map(({ name }) => name)
  const bytes = async (name: string): Promise<Uint8Array | undefined> => {
    const found = await store.read(name)
    return found === undefined ? undefined : await collect(found, LIMIT)
  }

  describe('as a source', () => {
    sourceCompliance(async () => ({ source: matrixSource({ store }) }))
  })

  it('can be listed, read, replaced and deleted', async () => {
    expect(await names()).toEqual(['faces', "mean of 'faces'"])
    expect(await bytes('faces')).toEqual(FACES)
    expect(await bytes('nope')).toBeUndefined()
    const [before] = await store.list()
    await store.write('faces', bytesOf(MEAN))
    expect(await bytes('faces')).toEqual(MEAN)
    expect((await store.list())[0]!.version).not.toBe(before!.version)
    expect(await store.delete('faces')).toBe(true)
    expect(await store.delete('faces')).toBe(false)
    expect(await names()).toEqual(["mean of 'faces'"])
  })

  it('are artifacts with their shape, and with what made them when that is known', async () => {
    const source = matrixSource({
      store,
      describe: name => name === 'faces' ? { deps: ['qdrant/collection/kb'], recipe: { name: 'pca', version: 1, parameters: { collection: 'kb' } }, provenance: { agentId: 'a' } } : undefined,
    })
    const capture = await source.capture()
    const artifacts = await Array.fromAsync(capture.artifacts())
    expect(artifacts[0]).toMatchObject({
      id: 'matrices/matrix/faces', kind: 'matrix', deps: ['qdrant/collection/kb'], attributes: { name: 'faces', rows: 128, columns: 200, dtype: '<f4' },
      recipe: { name: 'pca' }, provenance: { agentId: 'a' },
    })
    expect(artifacts[1]).toMatchObject({ deps: [], attributes: { name: "mean of 'faces'", rows: 1, columns: 3, dtype: '<f8' } })
    await capture.close()
  })

  it('cannot be captured while they change', async () => {
    for (const change of [() => store.write('faces', bytesOf(MEAN)), () => store.write('new', bytesOf(MEAN)), () => store.delete('faces')]) {
      const capture = await matrixSource({ store }).capture()
      await Array.fromAsync(capture.artifacts())
      await change()
      await expect(capture.finish()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
      await capture.close()
    }
  })

  it('come back as they were, under their own or another name', async () => {
    const items = await captureItems(matrixSource({ store }))
    await store.delete('faces')
    const restorer = matrixRestorer({ store, matrices: { "mean of 'faces'": 'copy' } })
    expect(await restorer.check(items)).toEqual([])
    expect(await restorer.holds(items[0]!)).toBe(false)
    const done: string[] = []
    await restorer.prepare(items, { onItem: item => done.push(item.id) })
    expect(done).toHaveLength(2)
    expect(await bytes('faces')).toBeUndefined()
    await restorer.commit()
    await restorer.commit()
    expect(await names()).toEqual(['copy', 'faces', "mean of 'faces'"])
    expect([await bytes('faces'), await bytes('copy')]).toEqual([FACES, MEAN])
    expect(await restorer.holds(items[0]!)).toBe(true)
  })

  it('can be committed or aborted by another restorer', async () => {
    const items = await captureItems(matrixSource({ store }))
    await store.write('faces', bytesOf(MEAN))
    for (const [act, expected] of [['abort', MEAN], ['commit', FACES]] as const) {
      await matrixRestorer({ store, replace: 'swap' }).prepare(items)
      await expect(matrixRestorer({ store, replace: 'swap' }).prepare(items)).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
      expect((await matrixRestorer({ store, replace: 'swap' }).check(items)).map(({ code }) => code)).toEqual(['TARGET_EXISTS', 'TARGET_EXISTS'])
      expect((await (await matrixSource({ store }).capture()).finish()).notes).toEqual([
        'Matrix faces__restoring belongs to an unfinished restore and was left out.', "Matrix mean of 'faces'__restoring belongs to an unfinished restore and was left out.",
      ])
      await matrixRestorer({ store, replace: 'swap' })[act]()
      expect(await names()).toEqual(['faces', "mean of 'faces'"])
      expect(await bytes('faces')).toEqual(expected)
    }
  })

  it('are not overwritten unless they may be', async () => {
    const items = await captureItems(matrixSource({ store }))
    expect((await matrixRestorer({ store }).check(items)).map(({ code }) => code)).toEqual(['TARGET_EXISTS', 'TARGET_EXISTS'])
    const restorer = matrixRestorer({ store, matrices: { faces: 'late', "mean of 'faces'": 'same' } })
    await restorer.prepare(items)
    await store.write('same', bytesOf(MEAN)) // what a commit leaves that was cut off before its last step
    await store.write('late', bytesOf(MEAN))
    await expect(restorer.commit()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
    await store.delete('late')
    await restorer.commit()
    expect(await bytes('late')).toEqual(FACES)
    expect(await names()).toEqual(['faces', 'late', "mean of 'faces'", 'same'])
  })

  it('refuse names that are no file names, and two restores into one name', async () => {
    const items = await captureItems(matrixSource({ store }))
    for (const bad of ['../out', 'a/b', '', '.hidden', 'x'.repeat(200)]) {
      expect((await matrixRestorer({ store, matrices: { faces: bad }, replace: 'swap' }).check(items)).map(({ code }) => code)).toEqual(['INVALID_OPTION'])
      await expect(store.write(bad === 'x'.repeat(200) ? 'x'.repeat(201) : bad, bytesOf(MEAN))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    }
    expect((await matrixRestorer({ store, matrices: { faces: 'new', "mean of 'faces'": 'new' } }).check(items)).map(({ code }) => code)).toEqual(['INVALID_OPTION'])
  })

  it('are refused when they come back with other bytes', async () => {
    const [item] = await captureItems(matrixSource({ store }))
    const restorer = matrixRestorer({ store, matrices: { faces: 'copy' } })
    await expect(restorer.prepare([{ ...item!, matches: async () => false }])).rejects.toMatchObject({ code: 'TARGET_DIFFERS' })
    await restorer.abort()
    expect(await names()).toEqual(['faces', "mean of 'faces'"])
  })
})

describe('matrices in a folder', () => {
  it('leave other files alone, and follow no links out of it', async () => {
    await writeFile(join(folder, 'notes.txt'), 'x')
    await mkdir(join(folder, 'sub.npy'))
    await symlink('/etc/passwd', join(folder, 'link.npy'))
    await writeFile(join(folder, 'a.npy'), MEAN)
    expect((await captureItems(matrixSource({ store: folderMatrixStore(folder) }))).map(({ id }) => id)).toEqual(['matrices/matrix/a'])
  })

  it('must be there to be captured, not to be restored', async () => {
    const store = folderMatrixStore(join(folder, 'not', 'there'))
    await expect(matrixSource({ store }).capture()).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
    const item = bytesItem({ id: 'm/matrix/a', kind: 'matrix', deps: [], attributes: { name: 'a' } }, MEAN)
    const restorer = matrixRestorer({ store })
    expect([await restorer.check([item]), await restorer.holds(item)]).toEqual([[], false])
    await restorer.prepare([item])
    await restorer.commit()
    expect(await collect((await store.read('a'))!, LIMIT)).toEqual(MEAN)
  })

  it.each([['damaged', FACES.subarray(0, -4), 'SOURCE_FAILED'], ['too long', Buffer.concat([FACES, MEAN]), 'SOURCE_FAILED'], ['no matrix', Buffer.from('hello'), 'SOURCE_FAILED']])('are refused by name when one is %s', async (_, content, code) => {
    await writeFile(join(folder, 'faces.npy'), content)
    await expect(captureItems(matrixSource({ store: folderMatrixStore(folder) }))).rejects.toMatchObject({ code, message: expect.stringContaining('matrix faces') as string })
  })

  it('leave nothing half written when the bytes end with an error', async () => {
    const store = folderMatrixStore(folder)
    const failure = new Error('torn')
    await expect(store.write('a', (async function * () { yield MEAN; throw failure })())).rejects.toThrow('torn')
    expect(await store.list()).toEqual([])
  })

  it('notice a file that was replaced with the same size and time', async () => {
    const store = folderMatrixStore(folder)
    await writeFile(join(folder, 'a.npy'), MEAN)
    const capture = await matrixSource({ store }).capture()
    const other = Buffer.from(MEAN).fill(1, MEAN.length - 8)
    await writeFile(join(folder, 'a.npy'), other)
    await utimes(join(folder, 'a.npy'), 0, 0)
    await expect(capture.finish()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })
})

describe('matrices in metadata', () => {
  it('stand beside whatever else the metadata holds, readable by the application', async () => {
    await metadataOf('psyche').write('mean', bytesOf(MEAN))
    const { rows } = await client.query<{ metadata: unknown }>('SELECT metadata FROM "Con trol".projects WHERE slug = \'psyche\'')
    expect(rows[0]!.metadata).toEqual({ theme: 'dark', matrices: { mean: { npy: Buffer.from(MEAN).toString('base64'), dtype: '<f8', rows: 1, columns: 3 } } })
    expect(await metadataOf('other').list()).toEqual([])
  })

  it('need the row of the project', async () => {
    await expect(metadataOf('nobody').list()).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
    await expect(metadataOf('nobody').write('mean', bytesOf(MEAN))).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  it('are refused when they are not in base64', async () => {
    await client.query('UPDATE "Con trol".projects SET metadata = \'{"matrices": {"bad": {"npy": "*not base64*"}}}\' WHERE slug = \'psyche\'')
    await expect(captureItems(matrixSource({ store: metadataOf('psyche') }))).rejects.toMatchObject({ code: 'SOURCE_FAILED', message: expect.stringContaining('bad') as string })
  })

  it('are refused under names that would lead out of an archive', async () => {
    await client.query('UPDATE "Con trol".projects SET metadata = $1 WHERE slug = $2', [{ matrices: { '../out': { npy: Buffer.from(MEAN).toString('base64') } } }, 'psyche'])
    await expect(captureItems(matrixSource({ store: metadataOf('psyche') }))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('report errors of the database with what was tried', async () => {
    const store = metadataMatrixStore({ query: async () => { throw new Error('connection lost') }, table: 't', keyColumn: 'id', key: 1 })
    await expect(store.list()).rejects.toMatchObject({ code: 'SOURCE_FAILED', message: 'listing the matrices in t.metadata where id is 1: connection lost' })
  })
})
