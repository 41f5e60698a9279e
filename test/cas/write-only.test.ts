import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { BlobIndex } from '../../src/cas/blob-index.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { PACK_PREFIX, SEGMENT_PREFIX, finalKey, planKey } from '../../src/cas/layout.ts'
import { MemoryIndex } from '../../src/cas/memory-index.ts'
import type { PackListing } from '../../src/cas/pack-format.ts'
import { createRecord } from '../../src/cas/records.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { newSealingKey, sealingKeyOf } from '../../src/cas/sealing.ts'
import type { Sealing } from '../../src/cas/sealing.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import type { WriterSession } from '../../src/cas/writer-session.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { Snapshots } from './snapshots.ts'
import { testSealing } from './test-sealing.ts'

const { current: master } = testSealing()
/** Stands for an age file: the holder of the master key, and nobody else, gets the key out of it. */
const wrapped = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((byte, i) => byte ^ master.bytes[i]!))

/** All that a holder of the key has. */
function holder (): Sealing {
  return {
    current: master,
    slots: [],
    find: async (id, wrap) => {
      if (id === master.id) return master
      const key = wrap === undefined ? undefined : sealingKeyOf(wrapped(wrap))
      return key?.id === id ? key : undefined
    },
  }
}

/** A key of one session, that is gone with it. */
function worker (): Sealing {
  const key = newSealingKey()
  return { current: { ...key, wrap: wrapped(key.bytes) }, slots: [], find: async id => id === key.id ? key : undefined }
}

let folder: string
let backend: StorageBackend
let snapshots: Snapshots

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-worker-'))
  backend = memoryBackend()
  snapshots = new Snapshots()
  await createRepository(backend, { sealing: holder() })
})
afterEach(async () => { await rm(folder, { recursive: true }) })

const openFull = async (): Promise<Repository> => await openRepository(backend, { sealing: holder() })
const openWorker = async (name = 'own'): Promise<Repository> => await openRepository(backend, { sealing: worker(), access: 'write-only', cacheFolder: join(folder, name) })
const rows = (seed: string): Buffer => seededRows(100, seed)

/** Writes a snapshot of chunks and one block as a worker that begins anew. @returns which were stored */
async function snapshotOf (chunks: readonly Uint8Array[], block: Uint8Array, parents: readonly string[] = []): Promise<{ readonly id: string, readonly stored: string[] }> {
  const repository = await openWorker()
  try {
    const writer = await repository.openWriter({ parents })
    const results = []
    for (const chunk of chunks) results.push(await writer.put(chunk, { kind: 'chunk' }))
    results.push(await writer.put(block))
    await snapshots.commit(writer, results.map(({ address }) => address))
    return { id: writer.id, stored: results.map(({ stored }) => stored) }
  } finally {
    await repository.close()
  }
}

async function collect (repository: Repository): Promise<readonly string[]> {
  const mark = snapshots.mark(repository)
  return (await applyGarbage(repository, await planGarbage(repository, { mark, maxWaste: 0 }), { mark, maxWaste: 0, pollMs: 5 })).packs
}

describe('a writer without a key', () => {
  it('makes snapshots that a holder of the key sees, reads and finds intact', async () => {
    await snapshots.make(await openFull(), [rows('a'), rows('full')])
    const { id } = await snapshotOf([rows('a'), rows('b')], Buffer.from('block'))
    const full = await openFull()
    expect((await full.visible()).map(commit => commit.id)).toContain(id)
    await snapshots.check(full)
    expect(await Array.fromAsync(verifyStorage(full))).toEqual([])
  })

  it('stores what it has stored before only once, but blocks anew', async () => {
    const first = await snapshotOf([rows('a'), rows('b')], Buffer.from('block'))
    expect(first.stored).toEqual(['new', 'new', 'new'])
    const second = await snapshotOf([rows('a'), rows('b'), rows('c')], Buffer.from('block'), [first.id])
    expect(second.stored).toEqual(['present', 'present', 'new', 'new'])
    await snapshots.check(await openFull())
  })

  it('learns nothing of what others have stored', async () => {
    await snapshots.make(await openFull(), [rows('a')])
    expect((await snapshotOf([rows('a')], Buffer.from('block'))).stored).toEqual(['new', 'new'])
    const repository = await openWorker('another')
    await expect(repository.get(addressOf(rows('a')))).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    expect(repository.hasSync(addressOf(rows('a')))).toBe(false)
    await repository.close()
  })

  it('cannot read what it has stored in an earlier session', async () => {
    const first = await openWorker()
    const writer = await first.openWriter()
    await writer.put(rows('a'), { kind: 'chunk' })
    await writer.flush()
    expect(rows('a').equals((await first.get(addressOf(rows('a'))))!)).toBe(true)
    await writer.discard()
    await first.close()
    const later = await openWorker()
    expect(later.hasSync(addressOf(rows('a')))).toBe(true)
    await expect(later.get(addressOf(rows('a')))).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await later.close()
  })

  it('stores no deltas', async () => {
    const repository = await openWorker()
    const writer = await repository.openWriter()
    await writer.put(rows('a'), { kind: 'chunk' })
    await writer.put(Buffer.from(rows('a')).fill('x', 10, 14), { kind: 'chunk', base: addressOf(rows('a')) })
    await snapshots.commit(writer, [])
    for await (const address of (await openFull()).list()) expect((await openFull()).locate(address)).toMatchObject({ depth: 0 })
    await repository.close()
  })

  it.each<[string, (repository: Repository) => unknown]>([
    ['list snapshots', async repository => await repository.visible()],
    ['mark for a collection', async repository => await repository.roots()],
    ['forget', async repository => await repository.forget('ab'.repeat(16))],
    ['count blobs', async repository => await repository.stats()],
    ['list blobs', async repository => await Array.fromAsync(repository.list())],
    ['collect garbage', async repository => await collect(repository)],
  ])('cannot %s', async (_, act) => {
    await snapshots.make(await openFull(), [rows('a')])
    const repository = await openWorker()
    await expect((async () => await act(repository))()).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await repository.close()
  })

  it('may name a visible snapshot as parent without being able to read it', async () => {
    const full = await openFull()
    const parent = await snapshots.make(full, [rows('a')])
    const { id } = await snapshotOf([rows('b')], Buffer.from('block'), [parent])
    await full.forget(id)
    await expect(snapshotOf([rows('b')], Buffer.from('block'), [id])).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
  })

  it('needs a key that others can unwrap', async () => {
    await expect(openRepository(backend, { sealing: testSealing(), access: 'write-only' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(openRepository(backend, { access: 'write-only' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('garbage of writers without a key', () => {
  it('is collected by a holder of the key, and what it copied is stored anew', async () => {
    const first = await snapshotOf([rows('a'), rows('b')], Buffer.from('one'))
    const second = await snapshotOf([rows('b'), rows('c')], Buffer.from('two'), [first.id])
    expect(second.stored).toEqual(['present', 'new', 'new'])
    const full = await openFull()
    await full.forget(first.id)
    expect(await collect(full)).toHaveLength(1) // The first pack, of which `b` is still needed.
    await snapshots.check(full)
    const third = await snapshotOf([rows('a'), rows('b'), rows('c')], Buffer.from('three'), [second.id])
    expect(third.stored).toEqual(['new', 'new', 'present', 'new'])
    await snapshots.check(await openFull())
    expect(await Array.fromAsync(verifyStorage(await openFull()))).toEqual([])
  })

  it('loses nothing that a writer leaves out while its segments are replaced', async () => {
    const first = await snapshotOf([rows('a')], Buffer.from('one'))
    const second = await snapshotOf([rows('b')], Buffer.from('two'), [first.id])
    const full = await openFull()
    await full.forget(first.id)
    await collect(full)
    await collect(full) // Deletes the segments that the first one has replaced.
    const third = await snapshotOf([rows('b')], Buffer.from('two'), [second.id])
    expect(third.stored).toEqual(['present', 'new'])
    await full.forget(second.id)
    await collect(full)
    await snapshots.check(await openFull())
    expect((await snapshotOf([rows('b')], Buffer.from('two'), [third.id])).stored[0]).toMatch(/new|present/)
    await snapshots.check(await openFull())
  })

  it('keeps a writer from building on a pack that is planned to go', async () => {
    const first = await snapshotOf([rows('a')], Buffer.from('one'))
    const full = await openFull()
    await full.forget(first.id)
    // A writer at work holds the collector up, with its plan made.
    const busy = await full.openWriter()
    const mark = snapshots.mark(full)
    const plan = await planGarbage(full, { mark })
    const collecting = applyGarbage(full, plan, { mark, pollMs: 5 })
    await expect.poll(async () => (await Array.fromAsync(backend.list('plans/'))).length).toBe(1)
    const late = await openWorker()
    const writer: WriterSession = await late.openWriter()
    expect(await writer.put(rows('a'), { kind: 'chunk' })).toMatchObject({ stored: 'new' })
    await snapshots.commit(writer, [addressOf(rows('a'))])
    await late.close()
    await busy.discard()
    await collecting
    await snapshots.check(await openFull())
  })

  it('keeps a writer from building on a pack that was given up and is not deleted yet', async () => {
    const first = await snapshotOf([rows('a')], Buffer.from('one'))
    const packs = [...(await openFull()).index.packs.keys()]
    const time = '2026-11-21T00:00:00.000Z'
    await createRecord(backend, planKey(1), { time, host: 'other', packs })
    await createRecord(backend, finalKey(1), { time, delete: packs, segments: [] })
    expect((await snapshotOf([rows('a')], Buffer.from('one'), [first.id])).stored).toEqual(['new', 'new'])
  })

  it('counts pack by pack, also where a segment lists several', async () => {
    const index = new BlobIndex(backend, new MemoryIndex(), { ownOnly: true })
    const pack = (name: string): PackListing => ({ name, sizeBytes: 100, objectBytes: 40_000, blobs: [{ address: addressOf(rows(name)), encoding: 0, stored: 5, plain: 5, depth: 0 }] })
    await index.take('segment', [pack('aa'), pack('bb')])
    const plans = { newest: 1, open: undefined, final: undefined }
    for (let round = 0; round < 2; round++) {
      await index.refresh({ ...plans, deleted: new Set(['aa']) })
      expect([...index.packs.keys()]).toEqual(['bb'])
      expect(index.find(addressOf(rows('aa')))).toEqual([])
    }
    await index.refresh({ ...plans, deleted: new Set(['aa', 'bb']) })
    expect(index.packs.size).toBe(0)
  })

  it('is not taken for a loss when this host has lost its list of addresses', async () => {
    await snapshotOf([rows('a')], Buffer.from('one'))
    await rm(join(folder, 'own'), { recursive: true })
    expect((await snapshotOf([rows('a')], Buffer.from('one'))).stored).toEqual(['new', 'new'])
    await snapshots.check(await openFull())
  })

  it('leaves out nothing of a pack that was cut off or is gone', async () => {
    await snapshotOf([seededBytes(50_000, 'a')], Buffer.from('one'))
    const key = (await Array.fromAsync(backend.list(PACK_PREFIX)))[0]!.key
    const intact = (await backend.get(key))!
    await backend.put(key, intact.subarray(0, intact.length - 1))
    expect((await snapshotOf([seededBytes(50_000, 'a')], Buffer.from('one'))).stored).toEqual(['new', 'new'])
    await backend.delete(key)
    await snapshots.check(await openFull())
    expect(await Array.fromAsync(backend.list(SEGMENT_PREFIX))).toHaveLength(2)
  })
})
