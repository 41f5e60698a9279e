import { beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { FINAL_SUFFIX, OUTCOME_PREFIX, PACK_PREFIX, SEGMENT_PREFIX } from '../../src/cas/layout.ts'
import { waitForSessions } from '../../src/cas/open-sessions.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { HoldingBackend } from './holding-backend.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { Snapshots } from './snapshots.ts'
import { WatchedBackend } from './watched-backend.ts'

const AN_HOUR_AGO = { clock: () => Date.now() - 60 * 60 * 1000 } // Its sessions look dead to everybody else.

let backend: StorageBackend
let repository: Repository
let snapshots: Snapshots

beforeEach(async () => {
  backend = memoryBackend()
  repository = await createRepository(backend)
  snapshots = new Snapshots()
})

const blob = (name: string): Buffer => seededBytes(5_000, name)
const keys = async (prefix: string): Promise<string[]> => (await Array.fromAsync(backend.list(prefix))).map(entry => entry.key)

/** What a collector does before it decides anything. */
async function revokeDead (): Promise<void> {
  await waitForSessions(backend, { now: () => repository.now(), pollMs: 1 })
}

async function collect (by: Repository, fewer: { maxWaste?: number } = {}): Promise<void> {
  const mark = snapshots.mark(by)
  await applyGarbage(by, await planGarbage(by, { mark, ...fewer }), { mark, pollMs: 1, ...fewer })
}

describe('a writer that a collector took for dead', () => {
  it('leaves no delta that others would build on after its base is gone', async () => {
    const rows = seededRows(500, 'base')
    const delta = Buffer.from(rows).fill('x', 10, 20)
    const first = await snapshots.make(repository, [rows])
    const held = new HoldingBackend(backend)
    const stopped = held.hold(key => key.startsWith(SEGMENT_PREFIX))
    const writer = await (await openRepository(held, AN_HOUR_AGO)).openWriter()
    await writer.put(delta, { base: addressOf(rows) })
    await repository.forget(first)
    const mark = snapshots.mark(repository)
    const planned = await planGarbage(repository, { mark })
    const flushing = writer.flush()
    await stopped.reached // Its last look at its outcome is behind it.
    await applyGarbage(repository, planned, { mark, pollMs: 1 })
    stopped.release()
    await flushing
    await expect(snapshots.commit(writer, [])).rejects.toMatchObject({ code: 'SESSION_REVOKED' })

    const other = await (await openRepository(backend)).openWriter()
    expect(other.hasSync(addressOf(delta))).toBe(true)
    expect(await other.put(delta)).toMatchObject({ stored: 'new' })
    await snapshots.commit(other, [addressOf(delta)])
    await snapshots.check(await openRepository(backend))
  })

  it('leaves what it has listed to the next one', async () => {
    const writer = await (await openRepository(backend, AN_HOUR_AGO)).openWriter()
    await writer.put(blob('listed'))
    await writer.flush()
    await revokeDead()
    await expect(snapshots.commit(writer, [addressOf(blob('listed'))])).rejects.toMatchObject({ code: 'SESSION_REVOKED' })
    const next = await (await openRepository(backend)).openWriter()
    expect(await next.put(blob('listed'))).toMatchObject({ stored: 'present' })
    await snapshots.commit(next, [addressOf(blob('listed'))])
    await snapshots.check(await openRepository(backend))
  })

  it('learns it before it lists packs that nobody should see', async () => {
    const writer = await (await openRepository(backend, AN_HOUR_AGO)).openWriter()
    await writer.put(blob('late'))
    await snapshots.make(repository, [blob('a')])
    await repository.forget((await repository.visible())[0]!.id)
    await collect(repository)
    await expect(writer.flush()).rejects.toMatchObject({ code: 'SESSION_REVOKED' })
    await expect(writer.put(blob('b'))).rejects.toMatchObject({ code: 'SESSION_REVOKED' })
  })
})

describe('a reader that a collector took for dead', () => {
  it('is told so when what it reads is gone', async () => {
    const id = await snapshots.make(repository, [blob('a')])
    const reader = await (await openRepository(backend, AN_HOUR_AGO)).openReader({ snapshots: [id] })
    await repository.forget(id)
    await collect(repository)
    await expect(reader.get(addressOf(blob('a')))).rejects.toMatchObject({ code: 'SESSION_REVOKED' })
  })
})

describe('a writer that takes over what its parent has', () => {
  it('keeps it when the parent is forgotten and the writer commits while a collector looks for roots', async () => {
    const parent = await snapshots.make(repository, [blob('taken over')])
    const watched = new WatchedBackend(backend)
    const collector = await openRepository(watched)
    const plan = await planGarbage(collector, { async * mark () {} })
    const mark = snapshots.mark(collector)
    watched.before('forgotten/', async () => {
      const writer = await (await openRepository(backend)).openWriter({ parents: [parent] })
      await repository.forget(parent)
      watched.before('sessions/', async () => { await snapshots.commit(writer, [addressOf(blob('taken over'))]) })
    })
    await applyGarbage(collector, plan, { mark, pollMs: 1 })
    const after = await openRepository(backend)
    expect(await after.visible()).toHaveLength(1)
    await snapshots.check(after)
  })
})

describe('two collectors on one plan', () => {
  it('delete what the one final says, not what each has found', async () => {
    const first = await snapshots.make(repository, [blob('shared')])
    await repository.forget(first)
    const planned = await planGarbage(repository, { mark: snapshots.mark(repository) })

    // The slow one finds the blob unneeded, and is stopped before it can say so.
    const held = new HoldingBackend(backend)
    const stopped = held.hold(key => key.endsWith(FINAL_SUFFIX))
    const slow = await openRepository(held)
    const collecting = applyGarbage(slow, planned, { mark: snapshots.mark(slow), pollMs: 1 })
    await stopped.reached
    // The quick one finds it needed: it agrees on another list.
    const quick = await openRepository(backend)
    const markAll = async function * (): AsyncGenerator<string> { yield addressOf(blob('shared')) }
    await applyGarbage(quick, await planGarbage(quick, { mark: markAll }), { mark: markAll, pollMs: 1 })
    expect(await keys(PACK_PREFIX)).toHaveLength(1)
    // So the pack may be built on again.
    const writer = await (await openRepository(backend)).openWriter()
    expect(await writer.put(blob('shared'))).toMatchObject({ stored: 'present' })
    await snapshots.commit(writer, [addressOf(blob('shared'))])
    stopped.release()
    expect((await collecting).packs).toEqual([])
    await snapshots.check(await openRepository(backend))
  })

  it('help each other: a stopped one holds nobody up', async () => {
    await repository.forget(await snapshots.make(repository, [blob('gone')]))
    const held = new HoldingBackend(backend)
    const stopped = held.hold(key => key.endsWith(FINAL_SUFFIX))
    const slow = await openRepository(held)
    const mark = snapshots.mark(slow)
    const collecting = applyGarbage(slow, await planGarbage(slow, { mark }), { mark, pollMs: 1 })
    await stopped.reached
    await collect(repository)
    expect(await keys(PACK_PREFIX)).toEqual([])
    stopped.release()
    await collecting
  })
})

describe('a collection that dies', () => {
  it('at any of its changes loses nothing, and the next one finishes it', async () => {
    for (let changes = 0; ; changes++) {
      backend = memoryBackend()
      repository = await createRepository(backend)
      snapshots = new Snapshots()
      const old = await snapshots.make(repository, ['a', 'b', 'c'].map(blob))
      await snapshots.make(repository, ['c', 'd'].map(blob))
      await repository.forget(old)
      const faulty = faultyBackend(backend)
      const dying = await openRepository(faulty)
      faulty.crash({ after: changes })
      const died = await collect(dying).then(() => false, () => true)
      await snapshots.check(await openRepository(backend))
      const next = await openRepository(backend)
      await collect(next)
      await snapshots.check(await openRepository(backend))
      expect((await Array.fromAsync(next.list())).sort()).toEqual(['c', 'd'].map(name => addressOf(blob(name))).sort())
      if (!died) break
      expect(changes).toBeLessThan(20)
    }
  })
})

describe('a snapshot forgotten while it is named', () => {
  it('cannot be built on or read by whoever comes later', async () => {
    const id = await snapshots.make(repository, [blob('a')])
    await repository.forget(id)
    await expect(repository.openWriter({ parents: [id] })).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
    await expect(repository.openReader({ snapshots: [id] })).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
    expect(await keys(OUTCOME_PREFIX)).toHaveLength(3) // Their sessions are over, so nobody waits for them.
  })

  it('does not stop collection when a dead session names it', async () => {
    const id = await snapshots.make(repository, [blob('a')])
    const late = await openRepository(backend, AN_HOUR_AGO)
    await late.openReader({ snapshots: [id] })
    await repository.forget(id)
    await collect(repository)
    expect(await keys(PACK_PREFIX)).toEqual([])
  })
})
