import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { OPENING_PREFIX, OUTCOME_PREFIX, PACK_PREFIX, SEGMENT_PREFIX, isSealedKey, packKey } from '../../src/cas/layout.ts'
import { encodeRecord } from '../../src/cas/record.ts'
import { repairIndex } from '../../src/cas/repair-index.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import type { StorageFinding } from '../../src/cas/verify-storage.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes, seededRows } from '../cas/seeded-bytes.ts'
import { Snapshots } from '../cas/snapshots.ts'
import { testSealing } from '../cas/test-sealing.ts'
import { contentOf, flipBit, keysBelow, restoreContent, truncate } from './damage.ts'

const SEGMENT = 65_552
const backend = memoryBackend()
const sealing = testSealing()
const rows = seededRows(20, 'rows')
const delta = Buffer.from(rows).fill('x', 10, 14)
/** Together not quite four segments, so that the fifth has the footer and padding only. */
const large = Array.from({ length: 5 }, (_, i) => seededBytes(52_400, i))
const blobs = [rows, delta, ...large]
const snapshots = new Snapshots()
let intact: Map<string, Uint8Array>
let packs: string[]
/** The one with the large blobs. */
let largest: string

beforeAll(async () => {
  const repository = await createRepository(backend, { sealing })
  const first = await snapshots.make(repository, [rows, [delta, { base: addressOf(rows) }]])
  await snapshots.make(repository, large, { parents: [first] })
  await repository.backend.put('metadata/snapshots.json', Buffer.from('{}'))
  await repository.backend.put('restores/one', encodeRecord({ a: 1 }))
  await repository.backend.put(`${OPENING_PREFIX}ab`, Buffer.from('{}'))
  intact = await contentOf(backend)
  packs = await keysBelow(backend, PACK_PREFIX)
  largest = packs.find(key => intact.get(key)!.length > 4 * SEGMENT)!
})
beforeEach(async () => { await restoreContent(backend, intact) })

const open = async (): Promise<Repository> => await openRepository(backend, { sealing })
const verify = async (): Promise<StorageFinding[]> => await Array.fromAsync(verifyStorage(await open()))
const headBytes = (key: string): number => 12 + Buffer.from(intact.get(key)!).readUInt32LE(8)

it('finds nothing wrong in an intact repository', async () => {
  expect(await verify()).toEqual([])
})

describe('a flipped bit', () => {
  it('anywhere in anything sealed is found and named', async () => {
    for (const key of [...intact.keys()].filter(isSealedKey)) {
      const { length } = intact.get(key)!
      const step = Math.ceil(length / 40)
      const code = key.startsWith(SEGMENT_PREFIX) ? /^INDEX_CORRUPT$/ : /^(SEAL_BROKEN|KEY_NEEDED|FORMAT_UNKNOWN)$/
      for (let position = 0; position < length; position += position < headBytes(key) ? 5 : step) {
        await flipBit(backend, key, position, position % 8)
        const findings = (await verify()).filter(finding => finding.address === undefined)
        expect(findings, `byte ${position} of ${key}`).toMatchObject([{ key, code: expect.stringMatching(code) as string }])
        await backend.put(key, intact.get(key)!)
      }
    }
  })

  it('anywhere in a commit record is found, and named', async () => {
    for (const key of await keysBelow(backend, OUTCOME_PREFIX)) {
      for (let position = 0; position < intact.get(key)!.length; position += 97) {
        await flipBit(backend, key, position, position % 8)
        expect(await verify(), `byte ${position}`).toMatchObject([{ key, code: expect.stringMatching(/^(RECORD_CORRUPT|FORMAT_UNKNOWN)$/) as string }])
        await backend.put(key, intact.get(key)!)
      }
    }
  })

  it('in a pack hits the blobs of one segment, and the others stay readable', async () => {
    await flipBit(backend, largest, headBytes(largest) + 2 * SEGMENT + 7)
    const findings = await verify()
    const hit = findings.flatMap(({ address }) => address ?? [])
    expect(hit.length).toBeGreaterThan(0)
    expect(hit.length).toBeLessThanOrEqual(3)
    expect(findings.at(-1)).toMatchObject({ code: 'SEAL_BROKEN', key: largest })
    const repository = await open()
    for (const bytes of large) {
      const reading = repository.get(addressOf(bytes))
      if (hit.includes(addressOf(bytes))) await expect(reading).rejects.toMatchObject({ code: 'BLOB_CORRUPT', cause: { code: 'SEAL_BROKEN' } })
      else expect(bytes.equals((await reading)!)).toBe(true)
    }
  })

  it('in a pack that is read in windows hits no other blob', async () => {
    await flipBit(backend, largest, headBytes(largest) + 2 * SEGMENT + 7)
    const repository = await openRepository(backend, { sealing, readCacheBytes: 0 })
    const readable = async (): Promise<number> => (await Promise.allSettled(large.map(async bytes => await repository.get(addressOf(bytes))))).filter(({ status }) => status === 'fulfilled').length
    const first = await readable()
    expect(first).toBeGreaterThanOrEqual(2)
    for (let round = 0; round < 4; round++) expect(await readable()).toBe(first)
  })

  it('in an index segment is repaired from the packs', async () => {
    const [segment] = await keysBelow(backend, SEGMENT_PREFIX)
    for (const position of [0, 20, 40, 300, 3000]) {
      await flipBit(backend, segment!, position)
      const repository = await open()
      expect(await repairIndex(repository)).toMatchObject({ left: [], removedSegments: [] })
      await snapshots.check(await open())
      expect(await repairIndex(repository)).toMatchObject({ listed: [], left: [], removedSegments: [expect.any(String)] })
      expect(await verify()).toEqual([])
      await restoreContent(backend, intact)
    }
  })
})

describe('a sealed pack', () => {
  it('cut off anywhere is found, and what is left of it is read', async () => {
    for (const length of [0, 5, 40, 2000, SEGMENT + 500, 4 * SEGMENT, intact.get(largest)!.length - 1]) {
      await truncate(backend, largest, length)
      const findings = await verify()
      expect(findings.at(-1), `${length} bytes`).toMatchObject({ code: 'SEAL_BROKEN', key: largest })
      const repository = await open()
      for (const bytes of large) {
        const read = await repository.get(addressOf(bytes)).catch((error: { code: string }) => error.code)
        expect(read === 'BLOB_CORRUPT' || bytes.equals(read as Buffer)).toBe(true)
      }
    }
  })

  it('cut off is not built upon', async () => {
    await truncate(backend, largest, intact.get(largest)!.length - 1)
    const writer = await (await open()).openWriter()
    expect(await writer.put(large[0]!)).toMatchObject({ stored: 'new' })
    expect(await writer.put(rows)).toMatchObject({ stored: 'present' })
    await writer.discard()
  })

  it('of which only the padding is damaged is sealed anew, and built upon', async () => {
    await flipBit(backend, largest, intact.get(largest)!.length - 20)
    expect(await verify()).toMatchObject([{ code: 'SEAL_BROKEN', key: largest }])
    // Its header is now longer: there are key files.
    const repository = await openRepository(backend, { sealing: { ...sealing, slots: [Buffer.from('a key file')] } })
    expect(await repairIndex(repository)).toMatchObject({ rewritten: [largest.slice(-37, -5)], left: [] })
    expect(await verify()).toEqual([])
    await snapshots.check(await open())
    const writer = await (await open()).openWriter()
    expect(await writer.put(large[0]!)).toMatchObject({ stored: 'present' })
    await writer.discard()
  })

  it('exchanged for another one is SEAL_BROKEN', async () => {
    const other = packs.find(key => key !== largest)!
    await backend.put(largest, intact.get(other)!)
    expect((await verify()).at(-1)).toMatchObject({ code: 'SEAL_BROKEN', key: largest })
  })

  it('that cannot be opened keeps the collector from removing it, and from removing what it may hold', async () => {
    const repository = await open()
    const { pack } = repository.locate(addressOf(large[0]!))!
    await flipBit(backend, packKey(pack), 25) // The id of the key in its header.
    await repository.close()
    const fresh = await open()
    const mark = snapshots.mark(fresh)
    const result = await applyGarbage(fresh, await planGarbage(fresh, { mark, only: [addressOf(Buffer.from('nothing'))] }), { mark, pollMs: 5 })
    expect(result.packs).toEqual([])
    await expect(fresh.get(addressOf(large[0]!))).rejects.toMatchObject({ code: expect.stringMatching(/^(KEY_NEEDED|BLOB_CORRUPT)$/) as string })
  })

  it('is listed again from its own footer when every segment is lost', async () => {
    for (const key of await keysBelow(backend, SEGMENT_PREFIX)) await backend.delete(key)
    expect((await repairIndex(await open())).listed).toHaveLength(packs.length)
    await snapshots.check(await open())
    expect(await verify()).toEqual([])
  })
})

it('gives the same blobs whatever was damaged and repaired', async () => {
  const repository = await open()
  for (const bytes of blobs) expect(bytes.equals((await repository.get(addressOf(bytes)))!)).toBe(true)
})
