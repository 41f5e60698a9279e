import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { OUTCOME_PREFIX, PACK_PREFIX, SEGMENT_PREFIX, SESSION_PREFIX, packKey } from '../../src/cas/layout.ts'
import { SessionRecord, readRecord } from '../../src/cas/records.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import type { FaultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { Snapshots, commitment } from './snapshots.ts'
import { SEALINGS } from './test-sealing.ts'

const MiB = 1024 * 1024

let backend: FaultyBackend
let repository: Repository
let snapshots: Snapshots

describe.each(SEALINGS)('writing%s', (_, sealed) => {
  beforeEach(async () => {
    backend = faultyBackend(memoryBackend())
    repository = await createRepository(backend, sealed)
    snapshots = new Snapshots()
  })

  const keys = async (prefix: string): Promise<string[]> => (await Array.fromAsync(backend.list(prefix))).map(entry => entry.key)
  const blob = (name: string): Buffer => seededBytes(2_000, name)

  describe('a writer', () => {
    it('stores any set of blobs, each once, whoever puts them at the same time', async () => {
      await fc.assert(fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 }), fc.integer({ min: 1, max: 8 }), async (list, workers) => {
          const fresh = await createRepository(memoryBackend(), sealed)
          const writer = await fresh.openWriter()
          const queue = [...list]
          const results = await Promise.all(Array.from({ length: workers }, async () => {
            const mine = []
            for (let next = queue.shift(); next !== undefined; next = queue.shift()) mine.push(await writer.put(next))
            return mine
          }))
          await writer.commit(commitment)
          const distinct = [...new Set(list.map(addressOf))].sort()
          expect(results.flat().filter(({ stored }) => stored === 'new').map(({ address }) => address).sort()).toEqual(distinct)
          expect((await Array.fromAsync(fresh.list())).sort()).toEqual(distinct)
          for (const bytes of list) expect(Buffer.from((await fresh.get(addressOf(bytes)))!)).toEqual(Buffer.from(bytes))
        }), { numRuns: 30 })
    })

    it('counts what it stores', async () => {
      await snapshots.make(repository, [blob('old')])
      const writer = await repository.openWriter()
      await writer.put(blob('old'))
      await writer.put(blob('new'))
      await writer.put(blob('new'))
      expect(writer.counters).toEqual({ newBlobs: 1, newBytes: 2_000, presentBlobs: 2, presentBytes: 4_000, storedBytes: 2_000 })
      await writer.discard()
    })

    it('closes a pack at 8 MiB and indexes what is durable at a flush', async () => {
      const writer = await repository.openWriter()
      for (let i = 0; i < 12; i++) await writer.put(seededBytes(MiB, i))
      await writer.put(blob('small'))
      expect(await keys(SEGMENT_PREFIX)).toEqual([])
      await writer.flush()
      expect(await keys(PACK_PREFIX)).toHaveLength(2)
      expect(await keys(SEGMENT_PREFIX)).toHaveLength(1)
      await writer.commit(commitment)
      const sizes = (await Array.fromAsync(backend.list(PACK_PREFIX))).map(entry => entry.sizeBytes).sort((a, b) => b - a)
      expect(sizes[0]).toBeGreaterThan(8 * MiB)
      expect(sizes[0]).toBeLessThan(9.1 * MiB)
    })

    it('closes a pack at 8,192 blobs', async () => {
      const writer = await repository.openWriter()
      await Promise.all(Array.from({ length: 8_193 }, async (_, i) => await writer.put(Buffer.from(`blob ${i}`))))
      await writer.commit(commitment)
      expect([...repository.index.packs.values()].map(({ blobs }) => blobs).sort()).toEqual([1, 8_192])
    })

    it('takes a blob of 16 MiB and no larger one', async () => {
      const writer = await repository.openWriter()
      await writer.put(Buffer.alloc(16 * MiB))
      await expect(writer.put(Buffer.alloc(16 * MiB + 1))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
      await writer.commit(commitment)
      expect(await repository.get(addressOf(Buffer.alloc(16 * MiB)))).toHaveLength(16 * MiB)
    })

    it('reads its own blobs from packs that are being written', async () => {
      const writer = await repository.openWriter()
      const blobs = Array.from({ length: 40 }, (_, i) => seededBytes(MiB, `own ${i}`))
      await Promise.all(blobs.map(async bytes => await writer.put(bytes)))
      for (const bytes of blobs) expect(bytes.equals((await writer.get(addressOf(bytes)))!)).toBe(true)
      await writer.discard()
    })

    it('may change its buffer once a blob is put', async () => {
      const writer = await repository.openWriter()
      const bytes = blob('a')
      const { address } = await writer.put(bytes)
      bytes.fill(0)
      await writer.commit(commitment)
      expect(Buffer.from((await repository.get(address))!)).toEqual(blob('a'))
    })

    it('shows nothing before it commits, and nothing after it gave up', async () => {
      const writer = await repository.openWriter()
      await writer.put(blob('a'))
      await writer.flush()
      expect(await repository.visible()).toEqual([])
      await writer.discard()
      await writer.discard()
      expect(await repository.visible()).toEqual([])
      await expect(writer.put(blob('b'))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
      await expect(writer.commit(commitment)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    })

    it('stores anew what is in a pack that is missing or cut off', async () => {
      await snapshots.make(repository, [blob('a')])
      await snapshots.make(repository, [blob('b')])
      const [one, two] = ['a', 'b'].map(name => packKey(repository.locate(addressOf(blob(name)))!.pack)) as [string, string]
      await backend.delete(one)
      await backend.put(two, (await backend.get(two, { length: 100 }))!)
      await snapshots.make(repository, [blob('a'), blob('b')])
      await snapshots.check(await openRepository(backend, sealed))
    })

    it('leaves nothing at work when it is discarded', async () => {
      const writer = await repository.openWriter()
      for (let i = 0; !repository.codec.isThreaded; i++) {
        await writer.put(Buffer.alloc(i < 3 ? 1_000_000 + i : 20_000 + i))
        await new Promise(resolve => { setImmediate(resolve) })
      }
      let open = 0
      const puts = Array.from({ length: 20 }, async (_, i) => {
        open++
        await writer.put(seededRows(10_000, `then ${i}`)).finally(() => { open-- })
      })
      const results = Promise.allSettled(puts)
      await writer.discard()
      await new Promise(resolve => { setImmediate(resolve) })
      expect(open).toBe(0)
      for (const result of await results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'INVALID_OPTION' })
    })

    it('stops when its signal is aborted, and can then be discarded', async () => {
      const controller = new AbortController()
      const writer = await repository.openWriter({ signal: controller.signal })
      await writer.put(blob('a'))
      const reason = new Error('stop')
      controller.abort(reason)
      await expect(writer.put(blob('b'))).rejects.toBe(reason)
      await expect(writer.commit(commitment)).rejects.toBe(reason)
      await writer.discard()
      expect(await keys(OUTCOME_PREFIX)).toHaveLength(1)
    })
  })

  describe('a delta', () => {
    const rows = seededRows(500, 'rows')
    const version = (n: number): Buffer => Buffer.from(rows).fill(`${n}`, 30 * n, 30 * n + 10)

    it('grows no deeper than eight, then a full copy begins again', async () => {
      const depths: number[] = []
      for (let n = 0; n < 12; n++) {
        await snapshots.make(repository, [[version(n), { base: n === 0 ? undefined : addressOf(version(n - 1)) }]])
        depths.push(repository.locate(addressOf(version(n)))!.depth)
      }
      expect(depths).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2])
      await snapshots.check(await openRepository(backend, sealed))
    })

    it('may build on a blob of the same session', async () => {
      await snapshots.make(repository, [version(0), [version(1), { base: addressOf(version(0)) }]])
      expect(repository.locate(addressOf(version(1)))).toMatchObject({ encoding: 2, base: addressOf(version(0)) })
      await snapshots.check(await openRepository(backend, sealed))
    })

    it('is read by another copy of its base when the first one is damaged, or gone', async () => {
      await snapshots.make(repository, [version(0)])
      await snapshots.make(repository, [[version(1), { base: addressOf(version(0)) }]])
      const again = await repository.openWriter({ whenPresent: 'rewrite' })
      await again.put(version(0))
      await again.commit(commitment)
      expect(repository.copies(addressOf(version(0)))).toHaveLength(2)
      for (const { pack, offset } of repository.copies(addressOf(version(0)))) {
        const intact = (await backend.get(packKey(pack)))!
        const damaged = Buffer.from(intact)
        damaged[offset + 20]! ^= 1
        for (const change of [async () => await backend.put(packKey(pack), damaged), async () => await backend.delete(packKey(pack))]) {
          await change()
          const fresh = await openRepository(backend, sealed)
          expect(version(1).equals((await fresh.get(addressOf(version(1))))!)).toBe(true)
          await backend.put(packKey(pack), intact)
        }
      }
    })

    it('is not made of a base that is absent or damaged', async () => {
      await snapshots.make(repository, [version(0)])
      const { pack, offset } = repository.locate(addressOf(version(0)))!
      const bytes = Buffer.from((await backend.get(packKey(pack)))!)
      bytes[offset + 100]! ^= 1
      await backend.put(packKey(pack), bytes)
      const fresh = await openRepository(backend, sealed)
      const writer = await fresh.openWriter()
      await writer.put(version(1), { base: addressOf(version(0)) })
      await writer.put(version(2), { base: 'f'.repeat(64) })
      await writer.commit(commitment)
      expect([1, 2].map(n => fresh.locate(addressOf(version(n)))!.encoding)).toEqual([1, 1])
    })
  })

  describe('a writer whose storage fails', () => {
    it.each(['STORAGE_FULL', 'STORAGE_IO', 'STORAGE_DENIED'] as const)('says %s, is broken from then on, and shows nothing', async code => {
      const writer = await repository.openWriter()
      await writer.put(blob('a'))
      backend.fail('put', { key: PACK_PREFIX, error: code, times: 1 })
      await expect(writer.flush()).rejects.toMatchObject({ code })
      await expect(writer.put(blob('b'))).rejects.toMatchObject({ code })
      await expect(writer.commit(commitment)).rejects.toMatchObject({ code })
      await writer.discard()
      expect(await keys(SEGMENT_PREFIX)).toEqual([])
      expect(await repository.visible()).toEqual([])
      await snapshots.make(repository, [blob('a'), blob('b')])
      await snapshots.check(await openRepository(backend, sealed))
    })

    it('lists no pack that was not written', async () => {
      const writer = await repository.openWriter()
      backend.fail('put', { key: PACK_PREFIX, after: 1, times: 1 })
      const put = Promise.all(Array.from({ length: 60 }, async (_, i) => await writer.put(seededBytes(MiB, `lost ${i}`))))
      await put.catch(() => {})
      await expect(writer.flush()).rejects.toMatchObject({ code: 'STORAGE_IO' })
      await writer.discard()
      const fresh = await openRepository(backend, sealed)
      for await (const address of fresh.list()) expect(await fresh.get(address)).toBeDefined()
    })

    it('has committed if only the answer was lost', async () => {
      const writer = await repository.openWriter()
      await writer.put(blob('a'))
      backend.fail('put', { key: OUTCOME_PREFIX, applied: true, times: 1 })
      await writer.commit(commitment)
      expect(await repository.visible()).toMatchObject([{ id: writer.id }])
    })

    it('has not committed if the record was lost, and can try again', async () => {
      const writer = await repository.openWriter()
      await writer.put(blob('a'))
      backend.fail('put', { key: OUTCOME_PREFIX, times: 1 })
      await expect(writer.commit(commitment)).rejects.toMatchObject({ code: 'STORAGE_IO' })
      expect(await repository.visible()).toEqual([])
      await writer.commit(commitment)
      expect(await repository.visible()).toHaveLength(1)
    })

    it('leaves every crash point whole', async () => {
      for (let changes = 0; changes < 4; changes++) {
        const inner = memoryBackend()
        await createRepository(inner, sealed)
        const crashing = faultyBackend(inner)
        const writer = await (await openRepository(crashing, sealed)).openWriter()
        await writer.put(blob('a'))
        crashing.crash({ after: changes })
        const committed = await writer.commit(commitment).then(() => true, () => false)
        const after = await openRepository(inner, sealed)
        expect(committed).toBe(changes >= 3) // Pack, segment, outcome.
        expect(await after.visible()).toHaveLength(committed ? 1 : 0)
        expect(after.hasSync(addressOf(blob('a')))).toBe(changes >= 2)
      }
    })
  })

  describe('a session', () => {
    it('names itself, its parents and its lease before anything else is written', async () => {
      const now = Date.parse('2026-11-21T12:00:00Z')
      const counted = countingBackend(backend)
      const timed = await openRepository(counted, { ...sealed, clock: () => now })
      const parent = await snapshots.make(timed, [blob('a')])
      const before = counted.calls.put
      const writer = await timed.openWriter({ parents: [parent] })
      expect(counted.calls.put).toBe(before + 1)
      expect(await readRecord(backend, SESSION_PREFIX + writer.id, SessionRecord)).toMatchObject({
        kind: 'write', pid: process.pid, started: '2026-11-21T12:00:00.000Z', leaseUntil: '2026-11-21T12:10:00.000Z', snapshots: [parent],
      })
      await writer.discard()
    })
  })

  describe('a session that rewrites', () => {
    it('stores again what was there, once, and so heals what was damaged', async () => {
      await snapshots.make(repository, [blob('a')])
      const { pack, offset } = repository.locate(addressOf(blob('a')))!
      const bytes = Buffer.from((await backend.get(packKey(pack)))!)
      bytes[offset]! ^= 1
      await backend.put(packKey(pack), bytes)
      await expect((await openRepository(backend, sealed)).get(addressOf(blob('a')))).rejects.toMatchObject({ code: 'BLOB_CORRUPT' })
      const writer = await repository.openWriter({ whenPresent: 'rewrite' })
      expect(await writer.put(blob('a'))).toMatchObject({ stored: 'new' })
      await writer.flush()
      expect(await writer.put(blob('a'))).toMatchObject({ stored: 'present' })
      expect(writer.wrote(addressOf(blob('a')))).toBe(true)
      await snapshots.commit(writer, [addressOf(blob('a'))])
      await snapshots.check(await openRepository(backend, sealed))
    })
  })
})
