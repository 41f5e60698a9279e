import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { decodeCopies, encodeCopies } from '../../src/cas/copy-codec.ts'
import { openLevelIndex } from '../../src/cas/level-index.ts'
import { MemoryIndex } from '../../src/cas/memory-index.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { listSegments, readSegment } from '../../src/cas/segments.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { readOnlyBackend } from '../../src/storage/read-only-backend.ts'
import { seededBytes } from './seeded-bytes.ts'
import { Snapshots } from './snapshots.ts'

let folder: string
let level: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-level-'))
  level = join(folder, 'metadata', 'level')
})
afterEach(async () => { await rm(folder, { recursive: true }) })

const address = addressOf(Buffer.from('x'))
const listing = (name: string): Parameters<MemoryIndex['add']>[1][number] =>
  ({ name: name.repeat(32), sizeBytes: 500, blobs: [{ address, encoding: 2, stored: 10, plain: 20, base: addressOf(Buffer.from('y')), depth: 3 }] })
const id = '0'.repeat(32)
const blobs = ['a', 'b', 'c'].map(name => seededBytes(1000, name))

describe.each([
  ['in memory', async () => new MemoryIndex()],
  ['in Level', async () => (await openLevelIndex(level, id))!],
])('an index %s', (_, open) => {
  it('finds the copies that segments list, each once', async () => {
    const index = await open()
    await index.add('s1', [listing('a')])
    await index.add('s2', [listing('a'), listing('b')])
    expect(index.find(address).map(copy => copy.pack)).toEqual(['a'.repeat(32), 'b'.repeat(32)])
    expect(index.find(address)[0]).toMatchObject({ offset: 38, stored: 10, plain: 20, encoding: 2, depth: 3, base: addressOf(Buffer.from('y')) })
    expect(index.find(addressOf(Buffer.from('z')))).toEqual([])
    expect(await Array.fromAsync(index.entries())).toEqual([[address, index.find(address)]])
    expect((await index.loaded()).map(segment => segment.name).sort()).toEqual(['s1', 's2'])
    await index.drop(['s1'])
    expect((await index.loaded()).map(segment => segment.name)).toEqual(['s2'])
    await index.clear()
    expect([await index.loaded(), index.find(address), await Array.fromAsync(index.entries())]).toEqual([[], [], []])
    await index.close()
  })
})

describe('copies in Level', () => {
  it.each([0, 1, 2, 3] as const)('are read as they were written, with encoding %i', encoding => {
    const copy = { pack: 'a'.repeat(32), offset: 38, stored: 1, plain: 1, encoding, depth: 0 }
    const copies = [encoding < 2 ? copy : { ...copy, base: addressOf(Buffer.from('y')) }, copy.encoding < 2 ? copy : { ...copy, base: address }]
    expect(decodeCopies(encodeCopies(copies))).toEqual(copies)
  })

  it('that are damaged count as none', () => {
    const value = encodeCopies([{ pack: 'a'.repeat(32), offset: 38, stored: 1, plain: 1, encoding: 0, depth: 0 }])
    expect(decodeCopies(value)).toHaveLength(1)
    for (let i = 0; i < value.length; i++) {
      const damaged = Buffer.from(value)
      damaged[i]! ^= 4
      expect(decodeCopies(damaged)).toBeUndefined()
    }
    expect(decodeCopies(Buffer.alloc(3))).toBeUndefined()
  })
})

describe('a Level folder', () => {
  const snapshots = new Snapshots()

  beforeEach(async () => {
    const repository = await createRepository(directoryBackend(folder))
    await snapshots.make(repository, blobs)
    await repository.close()
  })

  it('spares reading the segments again', async () => {
    const backend = countingBackend(directoryBackend(folder))
    await (await openRepository(backend, { cacheFolder: level })).close()
    expect(backend.calls.get).toBe(1) // config.json
  })

  it('can be deleted', async () => {
    await rm(level, { recursive: true })
    const repository = await openRepository(directoryBackend(folder))
    await snapshots.check(repository)
    await repository.close()
  })

  it('that is damaged is set aside and filled again', async () => {
    for (const name of await readdir(join(level, '0'))) await writeFile(join(level, '0', name), 'rubbish')
    const repository = await openRepository(directoryBackend(folder))
    await snapshots.check(repository)
    await repository.close()
    expect(await readdir(level)).toEqual(['0'])
  })

  it('that says wrong places is found out, and filled again', async () => {
    const backend = directoryBackend(folder)
    const [segment] = await listSegments(backend)
    const listings = (await readSegment(backend, segment!))!
    const { config } = await openRepository(backend, { cacheFolder: false })
    const index = (await openLevelIndex(level, config.id))!
    await index.clear()
    await index.add(segment!, listings.map(pack => ({ ...pack, blobs: pack.blobs.toReversed() }))) // offsets follow from the order
    await index.close()
    const repository = await openRepository(backend)
    expect(repository.locate(addressOf(blobs[2]!))?.offset).toBeLessThan(repository.locate(addressOf(blobs[0]!))!.offset)
    await snapshots.check(repository)
    await repository.close()
  })

  it('of another repository is not believed', async () => {
    const other = await mkdtemp(join(tmpdir(), 'caf-level-'))
    const repository = await createRepository(directoryBackend(other), { cacheFolder: level })
    expect(blobs.map(blob => repository.hasSync(addressOf(blob)))).toEqual([false, false, false])
    await repository.close()
    await rm(other, { recursive: true })
  })

  it('that is behind catches up, and forgets packs that are gone', async () => {
    const aside = await openRepository(directoryBackend(folder), { cacheFolder: false })
    const id = await snapshots.make(aside, [seededBytes(1000, 'new')])
    const repository = await openRepository(directoryBackend(folder))
    await snapshots.check(repository)
    expect(snapshots.of(id).every(one => repository.hasSync(one))).toBe(true)
    await repository.close()
  })

  it('serves several processes, each with a slot of its own', async () => {
    const one = await openRepository(directoryBackend(folder))
    const two = await openRepository(directoryBackend(folder))
    const script = join(import.meta.dirname, '..', 'fault', 'cas-process.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [script, 'write', folder, 'seed', '1'])
      .catch((error: unknown) => error as { stdout: string }) // Its parent is no manifest: it stops there.
    expect(stdout).toContain('ready')
    expect(await readdir(level)).toEqual(['0', '1', '2'])
    await Promise.all([snapshots.check(one), snapshots.check(two)])
    await one.close()
    await two.close()
  })

  it('is not needed to read from storage that cannot be written', async () => {
    const repository = await openRepository(readOnlyBackend(directoryBackend(folder)))
    const reader = await repository.openReader({ snapshots: (await repository.visible()).map(commit => commit.id) })
    expect(await reader.get(addressOf(blobs[0]!))).toEqual(blobs[0])
    await reader.close()
    await expect(repository.openWriter()).rejects.toMatchObject({ code: 'STORAGE_DENIED' })
  })
})
