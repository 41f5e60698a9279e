import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { VERIFIED_KEY } from '../../src/cas/layout.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { verifyPacks } from '../../src/cas/verify-storage.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Finding, VerifyRequest, VerifySummary } from '../../src/engine/verify.ts'
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { readOnlyBackend } from '../../src/storage/read-only-backend.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { contentOf, restoreContent } from '../damaged/damage.ts'
import { bytesContent } from '../dag/contents.ts'
import { artifactSource } from './artifact-source.ts'
import { flipBlob } from './flip-blob.ts'

const PACKS = 10
let repository: Repository
let now: number

let made: Map<string, Uint8Array>

beforeAll(async () => {
  repository = await createRepository(memoryBackend())
  for (let i = 0; i < PACKS; i++) await snapshot(i)
  made = await contentOf(repository.backend)
})

beforeEach(async () => {
  now = Date.parse('2026-11-21T00:00:00Z')
  const backend = memoryBackend()
  await restoreContent(backend, made)
  repository = await openRepository(backend, { clock: () => now })
})

/** One snapshot, and so one pack, of a project of its own. */
async function snapshot (i: number): Promise<void> {
  const content = bytesContent(seededBytes(20_000, `pack ${i}`))
  await createSnapshot(repository, { sources: [artifactSource('it', () => [{ id: 'it/matrix/x', kind: 'matrix', content }])], description: '', project: `project ${i}` })
}

async function verify (request: VerifyRequest, from: Repository = repository): Promise<{ findings: Finding[], summary: VerifySummary }> {
  const run = verifyRepository(from, request)
  const findings: Finding[] = []
  for (;;) {
    const next = await run.next()
    if (next.done === true) return { findings, summary: next.value }
    findings.push(next.value)
  }
}

/** What is remembered, as it is stored. */
async function remembered (): Promise<Record<string, string>> {
  return (JSON.parse(Buffer.from((await repository.backend.get(VERIFIED_KEY))!).toString()) as { packs: Record<string, string> }).packs
}

describe('reading a share', () => {
  it('ten times a tenth reads everything once', async () => {
    const unread: number[] = []
    for (let run = 1; run <= 10; run++) {
      now += 86_400_000
      const { summary } = await verify({ readData: 0.1 }, await openRepository(repository.backend, { clock: () => now }))
      expect(summary.read.packs).toBeLessThanOrEqual(2) // packs are not quite of a size
      unread.push(summary.coverage.unread)
    }
    expect(unread.at(-1)).toBe(0)
    expect(unread.slice(0, 5)).toEqual(unread.slice(0, 5).sort((a, b) => b - a))
    const oldest = Object.values(await remembered()).sort()[0]
    now += 1
    const { summary } = await verify({ readData: 0.1 })
    expect(summary.coverage.oldest! > oldest!).toBe(true)
  })

  it('reads new packs first', async () => {
    await verify({ readData: 'all' })
    now += 1000
    await snapshot(PACKS)
    const before = Object.keys(await remembered())
    expect((await verify({ readData: 0.01 })).summary.coverage.unread).toBe(0)
    expect(Object.keys(await remembered())).toHaveLength(before.length + 1)
  })

  it('reads so many bytes, in whole packs', async () => {
    expect((await verify({ readData: { bytes: 30_000 } })).summary.read).toMatchObject({ packs: 2 })
    expect((await verify({ readData: 0 })).summary.read).toMatchObject({ packs: 0 })
    await expect(verify({ readData: 1.5 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('goes on where it was stopped', async () => {
    const stop = new AbortController()
    const packs = new Set<string>()
    const onProgress: VerifyRequest['onProgress'] = ({ done }) => { if (done === 3) stop.abort(new Error('stopped')) }
    await expect(verify({ readData: 0.5, signal: stop.signal, onProgress })).rejects.toThrow('stopped')
    for (const pack of Object.keys(await remembered())) packs.add(pack)
    expect(packs.size).toBe(3)
    now += 1000
    await verify({ readData: 0.7 })
    expect((await verify({})).summary.coverage).toMatchObject({ unread: 0, oldest: '2026-11-21T00:00:00.000Z' })
  })

  it('stores what it knows from time to time, so that a kill costs little', async () => {
    const stored: number[] = []
    const storage = new (class extends ForwardingBackend {
      override async put (...args: Parameters<ForwardingBackend['put']>): Promise<boolean> {
        const done = await super.put(...args)
        if (args[0] === VERIFIED_KEY) stored.push(Object.keys(await remembered()).length)
        return done
      }
    })(repository.backend)
    await verify({ readData: 'all', onProgress: () => { now += 10_000 } }, await openRepository(storage, { clock: () => now }))
    expect(stored).toEqual([4, 7, 10, 10])
  })

  it('names damage in every run until it is repaired, and what rests on it in packs it does not read', async () => {
    const rows = seededBytes(50_000, 'base')
    const next = Buffer.from(rows)
    next.fill('x', 0, 100)
    for (const bytes of [rows, next]) await createSnapshot(repository, { sources: [artifactSource('it', () => [{ id: 'it/matrix/x', kind: 'matrix', content: bytesContent(bytes) }])], description: '', project: 'delta' })
    const base = (await Array.fromAsync(repository.list())).find(address => repository.locate(address)?.encoding === 2)!
    const { base: wanted } = repository.locate(base)!
    await verify({ readData: 'all' })
    now += 1000
    await flipBlob(repository, wanted!)
    const record = await repository.backend.get(VERIFIED_KEY)
    const damagedPack = repository.locate(wanted!)!.pack
    const { packs } = JSON.parse(Buffer.from(record!).toString()) as { packs: Record<string, string> }
    expect(packs[damagedPack]).toBeDefined()
    await repository.backend.delete(VERIFIED_KEY)
    for (let run = 0; run < 2; run++) {
      const fresh = await openRepository(repository.backend, { clock: () => now })
      const { findings } = await verify({ readData: 1 }, fresh)
      expect(new Set(findings.filter(({ severity }) => severity === 'error').map(({ address }) => address))).toEqual(new Set([wanted, base]))
      expect(Object.keys(await remembered())).not.toContain(damagedPack)
    }
    for (const pack of [repository.locate(base)!.pack, damagedPack]) {
      const found = await Array.fromAsync(verifyPacks(await openRepository(repository.backend), { only: new Set([pack]) }))
      expect(new Set(found.flatMap(({ address }) => address ?? []))).toEqual(new Set([base, wanted]))
    }
  })

  it('takes a damaged copy of what stands intact elsewhere for no reason to read the pack again and again', async () => {
    const [address] = await Array.fromAsync(repository.list())
    const bytes = (await repository.get(address!))!
    await flipBlob(repository, address!)
    const writer = await repository.openWriter({ whenPresent: 'rewrite' })
    await writer.put(bytes)
    await writer.flush()
    await writer.discard()
    const fresh = await openRepository(repository.backend, { clock: () => now })
    const { findings, summary } = await verify({ readData: 'all' }, fresh)
    expect(findings.map(({ severity }) => severity)).toEqual(['warning', 'warning'])
    expect(summary.coverage.unread).toBe(0)
  })
})

describe('reading all', () => {
  it('reads all again, unless it goes on with what was cut off', async () => {
    const stop = new AbortController()
    await expect(verify({ readData: 'all', signal: stop.signal, onProgress: ({ done }) => { if (done === 4) stop.abort(new Error('stopped')) } })).rejects.toThrow('stopped')
    now += 1000
    expect((await verify({ readData: 'all', resume: true })).summary.read).toMatchObject({ packs: 6, since: '2026-11-21T00:00:00.000Z' })
    expect((await verify({ readData: 'all' })).summary.read).toEqual({ packs: PACKS, bytes: expect.any(Number) as number })
    expect((await verify({ readData: 'all', resume: true })).summary.read).toMatchObject({ packs: PACKS }) // nothing was cut off
  })
})

describe('the memory of checks', () => {
  it('is begun anew when it is damaged, and says so', async () => {
    await repository.backend.put(VERIFIED_KEY, Buffer.from('{ "format": 1 }'))
    const { findings, summary } = await verify({ readData: { bytes: 1 } })
    expect(findings).toMatchObject([{ severity: 'warning', code: 'RECORD_CORRUPT', key: VERIFIED_KEY }])
    expect(summary.coverage).toMatchObject({ unread: PACKS - 1 })
    expect((await verify({ readData: 0.2 })).findings).toEqual([])
  })

  it('does not believe a time that is yet to come', async () => {
    await verify({ readData: 'all' })
    now -= 60_000
    expect((await verify({})).summary.coverage).toEqual({ packs: PACKS, unread: PACKS })
  })

  it('forgets packs that are gone', async () => {
    await verify({ readData: 'all' })
    const before = Object.keys(await remembered())
    const [first] = await repository.visible()
    await applyForget(repository, await planForget(repository, { references: [first!.id] }))
    expect((await collectGarbage(repository)).packsDeleted).toBeGreaterThan(0)
    await verify({ readData: 0.1 })
    expect(Object.keys(await remembered()).length).toBeLessThan(before.length)
  })

  it('is not needed on storage that can only be read', async () => {
    const reading = await openRepository(readOnlyBackend(repository.backend), { clock: () => now })
    expect((await verify({ readData: 'all' }, reading)).summary).toMatchObject({ read: { packs: PACKS }, coverage: { unread: 0 } })
    expect(await repository.backend.get(VERIFIED_KEY)).toBeUndefined()
  })

  it('is not harmed by two who verify at the same time', async () => {
    await Promise.all([verify({ readData: 0.5 }), verify({ readData: 0.5 }), verify({ readData: 'all' })])
    expect(Object.keys(await remembered())).toHaveLength(PACKS)
  })
})
