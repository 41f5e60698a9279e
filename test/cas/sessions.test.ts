import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { CONFIG_KEY, OUTCOME_PREFIX, SESSION_PREFIX } from '../../src/cas/layout.ts'
import { ConfigRecord, SessionRecord, createRecord, readRecord, writeRecord } from '../../src/cas/records.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { LEASE_MS } from '../../src/cas/session.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes } from './seeded-bytes.ts'
import { Snapshots, commitment } from './snapshots.ts'

const START = Date.parse('2026-11-21T12:00:00Z')
const blob = (name: string): Buffer => seededBytes(2_000, name)

let backend: StorageBackend
let now: number
let repository: Repository
let snapshots: Snapshots

beforeEach(async () => {
  backend = memoryBackend()
  now = START
  repository = await createRepository(backend, { clock: () => now })
  snapshots = new Snapshots()
})

const revoke = async (id: string): Promise<boolean> => await createRecord(backend, OUTCOME_PREFIX + id, { outcome: 'revoked', time: repository.now() })

describe('the lease of a session', () => {
  beforeEach(() => { vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }) })
  afterEach(() => { vi.useRealTimers() })

  async function passes (ms: number): Promise<void> {
    now += ms
    vi.advanceTimersByTime(ms)
    for (let i = 0; i < 10; i++) await new Promise(resolve => setImmediate(resolve))
  }

  it('is renewed while the session is open, and no longer', async () => {
    const writer = await repository.openWriter()
    const lease = async (): Promise<string | undefined> => (await readRecord(backend, SESSION_PREFIX + writer.id, SessionRecord))?.leaseUntil
    await passes(LEASE_MS / 2)
    const renewed = await lease()
    expect(Date.parse(renewed!)).toBeGreaterThan(START + LEASE_MS)
    await writer.discard()
    await passes(LEASE_MS)
    expect(await lease()).toBe(renewed)
  })

  it('shows the writer at its renewal that it was revoked', async () => {
    const writer = await repository.openWriter()
    await revoke(writer.id)
    await writer.put(blob('a'))
    await passes(LEASE_MS / 2)
    await expect(writer.put(blob('b'))).rejects.toMatchObject({ code: 'SESSION_REVOKED' })
  })
})

describe('a revoked session', () => {
  it('cannot commit, and makes nothing visible', async () => {
    const writer = await repository.openWriter()
    await writer.put(blob('a'))
    await writer.flush()
    await revoke(writer.id)
    await expect(writer.commit(commitment)).rejects.toMatchObject({ code: 'SESSION_REVOKED', data: { session: writer.id } })
    await writer.discard()
    expect(await repository.visible()).toEqual([])
  })

  it('of a reader is closed all the same', async () => {
    const reader = await repository.openReader()
    const [id] = (await Array.fromAsync(backend.list(SESSION_PREFIX))).map(entry => entry.key.slice(SESSION_PREFIX.length))
    await revoke(id!)
    await reader.close()
    await reader.close()
    await expect(reader.get(addressOf(blob('a')))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('two repositories on one storage', () => {
  it('see what the other has written, without being opened again', async () => {
    const other = await openRepository(backend)
    await snapshots.make(repository, [blob('a')])
    expect(other.hasSync(addressOf(blob('a')))).toBe(false)
    await snapshots.check(other)
    expect(other.hasSync(addressOf(blob('a')))).toBe(true)
  })

  it('read what the other has collected and moved', async () => {
    const old = await snapshots.make(repository, [blob('a'), blob('b')])
    await snapshots.make(repository, [blob('b')])
    const other = await openRepository(backend)
    await repository.forget(old)
    const mark = snapshots.mark(repository)
    expect((await applyGarbage(repository, await planGarbage(repository, { mark }), { mark })).packs).toHaveLength(1)
    expect(await other.get(addressOf(blob('b')))).toEqual(blob('b'))
    const writer = await other.openWriter()
    expect(await writer.get(addressOf(blob('b')))).toEqual(blob('b'))
    expect(await writer.put(blob('a'))).toMatchObject({ stored: 'new' })
    await writer.discard()
  })
})

describe('visible snapshots', () => {
  it('come in the order of their commits, without the forgotten', async () => {
    const ids: string[] = []
    for (const name of ['a', 'b', 'c']) {
      now += 1000
      ids.push(await snapshots.make(repository, [blob(name)]))
    }
    expect((await repository.visible()).map(commit => commit.id)).toEqual(ids)
    expect(await repository.forget(ids[1]!)).toBe(true)
    expect(await repository.forget(ids[1]!)).toBe(false)
    expect((await repository.visible()).map(commit => commit.id)).toEqual([ids[0], ids[2]])
    await expect(repository.forget('0'.repeat(32))).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
  })

  it('are shown without a damaged one only to who asks for that', async () => {
    const good = await snapshots.make(repository, [blob('a')])
    const bad = await snapshots.make(repository, [blob('b')])
    await backend.put(OUTCOME_PREFIX + bad, Buffer.from('{}'))
    const fresh = await openRepository(backend)
    await expect(fresh.visible()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
    await expect(fresh.roots()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
    const damaged: string[] = []
    const rest = await fresh.visible({ onDamaged: id => { damaged.push(id) } })
    expect([rest.map(commit => commit.id), damaged]).toEqual([[good], [bad]])
  })
})

describe('a repository', () => {
  it('is made once in one place', async () => {
    await expect(createRepository(backend)).rejects.toMatchObject({ code: 'REPOSITORY_EXISTS' })
    await expect(openRepository(memoryBackend())).rejects.toMatchObject({ code: 'REPOSITORY_MISSING' })
  })

  it('is made by one of many who try at once', async () => {
    const shared = memoryBackend()
    const made = await Promise.allSettled(Array.from({ length: 5 }, async () => await createRepository(shared)))
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('says what it is', async () => {
    const seed = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
    const chunker = { min: 1024, average: 4096, max: 16384 }
    const made = await createRepository(memoryBackend(), { seed, chunker })
    expect(made.config).toMatchObject({ seed, chunker, abilities: { createIfAbsent: true } })
    expect(made.config.id).toMatch(/^[0-9a-f]{32}$/)
  })

  it('is not made where creating is not exclusive, and nothing is left of the probe', async () => {
    const careless = memoryBackend()
    const put = careless.put.bind(careless)
    careless.put = async (key, body) => await put(key, body)
    await expect(createRepository(careless)).rejects.toMatchObject({ code: 'STORAGE_UNSUITABLE' })
    expect(await Array.fromAsync(careless.list(''))).toEqual([])
  })

  it('is only read where creating was found not to be exclusive', async () => {
    const id = await snapshots.make(repository, [blob('a')])
    const config = (await readRecord(backend, CONFIG_KEY, ConfigRecord))!
    await writeRecord(backend, CONFIG_KEY, { ...config, abilities: { createIfAbsent: false } })
    const found = await openRepository(backend)
    await expect(found.openWriter()).rejects.toMatchObject({ code: 'STORAGE_UNSUITABLE' })
    const mark = snapshots.mark(found)
    await expect(applyGarbage(found, await planGarbage(found, { mark }), { mark })).rejects.toMatchObject({ code: 'STORAGE_UNSUITABLE' })
    const reader = await found.openReader({ snapshots: [id] })
    expect(await reader.get(addressOf(blob('a')))).toEqual(blob('a'))
    await reader.close()
  })

  it.each([
    { min: 32, average: 4096, max: 8192 }, { min: 4096, average: 2048, max: 8192 }, { min: 1024, average: 5000, max: 8192 },
    { min: 1024, average: 4096, max: 2048 }, { min: 1024, average: 4096, max: 32 * 1024 * 1024 },
  ])('is not made with chunks of %j', async chunker => {
    await expect(createRepository(memoryBackend(), { chunker })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
