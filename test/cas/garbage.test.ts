import { beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import type { GarbageResult } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import type { GarbagePlan } from '../../src/cas/garbage-plan.ts'
import { packKey } from '../../src/cas/layout.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { Snapshots } from './snapshots.ts'
import { SEALINGS } from './test-sealing.ts'

let backend: StorageBackend
let repository: Repository
let snapshots: Snapshots

const blob = (name: string): Buffer => seededBytes(5_000, name)
const plan = async (options: Partial<Parameters<typeof planGarbage>[1]> = {}): Promise<GarbagePlan> =>
  await planGarbage(repository, { mark: snapshots.mark(repository), ...options })
const collect = async (options: Partial<Parameters<typeof planGarbage>[1]> = {}): Promise<GarbageResult> =>
  await applyGarbage(repository, await plan(options), { mark: snapshots.mark(repository), pollMs: 5, ...options })
const keys = async (prefix: string): Promise<string[]> => (await Array.fromAsync(backend.list(prefix))).map(entry => entry.key)

async function damage (pack: string, offset: number): Promise<void> {
  const bytes = Buffer.from((await backend.get(packKey(pack)))!)
  bytes[offset + 30]! ^= 1
  await backend.put(packKey(pack), bytes)
}

/** `rows` with a few bytes changed, so that it is stored as a delta of it. */
function changed (rows: Buffer, round: number): Buffer {
  const copy = Buffer.from(rows)
  copy.write(`round ${round}`, 100)
  return copy
}

describe.each(SEALINGS)('garbage collection%s', (_, sealed) => {
  beforeEach(async () => {
    backend = memoryBackend()
    repository = await createRepository(backend, sealed)
    snapshots = new Snapshots()
  })

  it('finds nothing to do in a repository without garbage', async () => {
    await snapshots.make(repository, [blob('a'), blob('b')])
    expect(await plan()).toEqual({ packs: [], freedBytes: 0, removedBlobs: 0, only: undefined })
    expect(await collect()).toMatchObject({ packs: [], freedBytes: 0, removedBlobs: 0 })
    expect(await keys('plans/')).toEqual([])
  })

  it('removes what only a forgotten snapshot needed, and nothing else', async () => {
    const old = await snapshots.make(repository, [blob('a'), blob('b')])
    await snapshots.make(repository, [blob('b'), blob('c')])
    await repository.forget(old)
    const result = await collect()
    expect(await Array.fromAsync(result.removed())).toEqual([addressOf(blob('a'))])
    expect(result.removedBlobs).toBe(1)
    expect(result.freedBytes).toBeGreaterThan(4_000)
    expect(await repository.get(addressOf(blob('a')))).toBeUndefined()
    await snapshots.check(repository)
    await snapshots.check(await openRepository(backend, sealed))
    expect((await Array.fromAsync(repository.list())).sort()).toEqual([blob('b'), blob('c')].map(addressOf).sort())
  })

  it('leaves a pack alone whose waste is within limits', async () => {
    const old = await snapshots.make(repository, ['a', 'b', 'c', 'd', 'e'].map(blob))
    await snapshots.make(repository, ['b', 'c', 'd', 'e'].map(blob))
    await repository.forget(old)
    expect((await plan()).packs).toEqual([])
    expect((await plan({ maxWaste: 0.1 })).packs).toMatchObject([{ why: 'wasteful' }])
  })

  it('merges many small packs', async () => {
    for (let i = 0; i < 9; i++) await snapshots.make(repository, [blob(`small ${i}`)])
    const before = await keys('blobs/')
    expect(before).toHaveLength(9)
    await collect()
    expect(await keys('blobs/')).toHaveLength(1)
    await snapshots.check(repository)
    await snapshots.check(await openRepository(backend, sealed))
  })

  it('removes packs that a dead writer left', async () => {
    const writer = await repository.openWriter()
    await writer.put(blob('left'))
    await writer.flush()
    for (const key of await keys('metadata/index/')) await backend.delete(key)
    await writer.discard()
    repository = await openRepository(backend, sealed)
    expect((await plan()).packs).toMatchObject([{ why: 'orphan' }])
    await collect()
    expect(await keys('blobs/')).toEqual([])
  })

  it('keeps the unneeded base of a needed delta', async () => {
    const rows = seededRows(1000, 'base')
    const base = await snapshots.make(repository, [rows])
    await snapshots.make(repository, [[changed(rows, 1), { base: addressOf(rows) }]])
    expect(repository.locate(addressOf(changed(rows, 1)))).toMatchObject({ encoding: 2 })
    await repository.forget(base)
    await collect({ maxWaste: 0 })
    await snapshots.check(await openRepository(backend, sealed))
  })

  it('removes a chain of deltas that nobody needs', async () => {
    let rows = seededRows(1000, 'chain')
    const ids = [await snapshots.make(repository, [rows])]
    for (let round = 1; round < 6; round++) {
      const next = changed(rows, round)
      ids.push(await snapshots.make(repository, [[next, { base: addressOf(rows) }]]))
      rows = next
    }
    for (const id of ids) await repository.forget(id)
    expect((await collect()).removedBlobs).toBe(6)
    expect(await keys('blobs/')).toEqual([])
  })

  it('removes just the blobs it is told to, and makes deltas of them whole', async () => {
    const rows = seededRows(1000, 'base')
    const base = await snapshots.make(repository, [rows, blob('stays')])
    const delta = changed(rows, 1)
    await snapshots.make(repository, [[delta, { base: addressOf(rows) }], blob('other')])
    await repository.forget(base)
    const result = await collect({ only: [addressOf(rows)] })
    expect(await Array.fromAsync(result.removed())).toEqual([addressOf(rows)])
    expect(repository.hasSync(addressOf(blob('stays')))).toBe(true)
    expect(repository.locate(addressOf(delta))).toMatchObject({ encoding: 1, depth: 0 })
    await snapshots.check(await openRepository(backend, sealed))
  })

  it('leaves a pack with a needed blob that cannot be read, and the bases of its deltas', async () => {
    const rows = seededRows(1000, 'base')
    const delta = changed(rows, 1)
    const old = await snapshots.make(repository, [rows])
    const mixed = await snapshots.make(repository, [[delta, { base: addressOf(rows) }], blob('gone 1'), blob('gone 2')])
    await snapshots.make(repository, [blob('damaged')])
    const { pack, offset } = repository.locate(addressOf(delta))!
    await damage(pack, offset)
    await snapshots.make(repository, [delta]) // Present, as far as is known.
    for (const id of [old, mixed]) await repository.forget(id)
    repository = await openRepository(backend, sealed)
    expect((await plan({ maxWaste: 0 })).packs.map(({ name }) => name)).toContain(pack)
    await collect({ maxWaste: 0 })
    expect(await keys('blobs/')).toContain(packKey(pack))
    await damage(pack, offset) // Turned back.
    await snapshots.check(await openRepository(backend, sealed))
  })

  it('keeps the intact one of two copies', async () => {
    const shared = blob('shared')
    const one = await repository.openWriter()
    const two = await repository.openWriter()
    const [first] = [await one.put(shared), await two.put(shared), await two.put(blob('more')), await two.put(blob('most'))]
    await snapshots.commit(one, [first.address])
    await snapshots.commit(two, [first.address])
    const copies = repository.copies(first.address)
    expect(copies).toHaveLength(2)
    const spoiled = copies.find(({ pack }) => pack !== repository.locate(addressOf(blob('more')))!.pack)!
    await damage(spoiled.pack, spoiled.offset)
    repository = await openRepository(backend, sealed)
    await collect({ maxWaste: 0 })
    await snapshots.check(await openRepository(backend, sealed))
  })

  it('refuses to remove a blob that a snapshot needs', async () => {
    await snapshots.make(repository, [blob('a')])
    await expect(plan({ only: [addressOf(blob('a'))] })).rejects.toMatchObject({ code: 'BLOB_IN_USE' })
  })

  it('refuses to run beside a loss', async () => {
    await snapshots.make(repository, [blob('a')])
    const mark = async function * (): AsyncGenerator<string> { yield addressOf(blob('never stored')) }
    await expect(plan({ mark })).rejects.toMatchObject({ code: 'BLOB_MISSING' })
  })

  it('looks again when what is missing was of a snapshot that another collection has freed since', async () => {
    await snapshots.make(repository, [blob('a')])
    let marks = 0
    const mark = async function * (): AsyncGenerator<string> {
      if (marks++ === 0) yield addressOf(blob('never stored'))
      yield addressOf(blob('a'))
    }
    expect((await plan({ mark })).packs).toEqual([])
    expect(marks).toBe(2)
  })

  it('keeps what an open reader reads, though it was forgotten', async () => {
    const id = await snapshots.make(repository, [blob('a')])
    const reader = await repository.openReader({ snapshots: [id] })
    await repository.forget(id)
    expect((await plan()).packs).toEqual([])
    expect(await reader.get(addressOf(blob('a')))).toEqual(blob('a'))
    await reader.close()
    expect((await collect()).removedBlobs).toBe(1)
  })

  it('waits for a writer, and keeps what it committed meanwhile', async () => {
    const old = await snapshots.make(repository, [blob('shared'), blob('gone')])
    await repository.forget(old)
    const writer = await repository.openWriter()
    const planned = await plan()
    expect(planned.packs).toHaveLength(1)
    let waits = 0
    const collecting = applyGarbage(repository, planned, {
      mark: snapshots.mark(repository),
      pollMs: 5,
      onWait: () => { waits++ },
    })
    while (waits === 0) await new Promise(resolve => setImmediate(resolve))
    expect(await writer.put(blob('shared'))).toMatchObject({ stored: 'present' })
    await snapshots.commit(writer, [addressOf(blob('shared'))])
    const result = await collecting
    expect(await Array.fromAsync(result.removed())).toEqual([addressOf(blob('gone'))])
    await snapshots.check(await openRepository(backend, sealed))
  })

  it('keeps the base of a delta that was written while it waited', async () => {
    const rows = seededRows(1000, 'base')
    await repository.forget(await snapshots.make(repository, [rows]))
    const writer = await repository.openWriter()
    let waiting = (): void => {}
    const waited = new Promise<void>(resolve => { waiting = resolve })
    const collecting = applyGarbage(repository, await plan(), { mark: snapshots.mark(repository), pollMs: 5, onWait: () => { waiting() } })
    await waited
    await writer.put(changed(rows, 1), { base: addressOf(rows) })
    await snapshots.commit(writer, [addressOf(changed(rows, 1))])
    await collecting
    const fresh = await openRepository(backend, sealed)
    expect(fresh.locate(addressOf(changed(rows, 1)))).toMatchObject({ encoding: 2 })
    await snapshots.check(fresh)
  })

  it('lets a writer that begins after the plan reuse nothing of it', async () => {
    const old = await snapshots.make(repository, [blob('shared')])
    await repository.forget(old)
    const planned = await plan()
    const open = await repository.openReader()
    let waiting = (): void => {}
    const waited = new Promise<void>(resolve => { waiting = resolve })
    const collecting = applyGarbage(repository, planned, { mark: snapshots.mark(repository), pollMs: 5, onWait: () => { waiting() } })
    await waited
    const writer = await repository.openWriter()
    expect(await writer.put(blob('shared'))).toMatchObject({ stored: 'new' })
    await open.close()
    await collecting
    await snapshots.commit(writer, [addressOf(blob('shared'))])
    await snapshots.check(await openRepository(backend, sealed))
  })

  it('revokes a dead writer, which then cannot commit', async () => {
    const elsewhere = await openRepository(backend, { ...sealed, clock: () => Date.now() - 60 * 60 * 1000 }) // Its lease is long over.
    const old = await snapshots.make(repository, [blob('a')])
    const writer = await elsewhere.openWriter()
    await writer.put(blob('a'))
    await repository.forget(old)
    await collect()
    await expect(writer.commit({ root: 'x', consensus: true, validatedBy: [], statements: [] })).rejects.toMatchObject({ code: 'SESSION_REVOKED' })
    expect(await repository.visible()).toEqual([])
  })
})
