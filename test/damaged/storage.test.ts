import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import type { Address } from '../../src/cas/blob-store.ts'
import { CONFIG_KEY, PACK_PREFIX, SEGMENT_PREFIX } from '../../src/cas/layout.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { encodeRecord } from '../../src/cas/record.ts'
import { repairIndex } from '../../src/cas/repair-index.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import type { StorageFinding } from '../../src/cas/verify-storage.ts'
import { isBackupError } from '../../src/errors.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes, seededRows } from '../cas/seeded-bytes.ts'
import { Snapshots } from '../cas/snapshots.ts'
import { contentOf, flipBit, keysBelow, restoreContent, truncate } from './damage.ts'

/** Every byte is tried with SLOW=1, else every fifth, and the ends. */
const STEP = process.env['SLOW'] === '1' ? 1 : 5
const backend = memoryBackend()
const rows = seededRows(20, 'rows')
const delta = Buffer.from(rows).fill('x', 10, 14)
const raw = seededBytes(100, 'raw')
const blobs = [rows, delta, raw]
const addresses = blobs.map(addressOf)
const snapshots = new Snapshots()
let intact: Map<string, Uint8Array>
let packs: string[]
let segment: string

beforeAll(async () => {
  const repository = await createRepository(backend)
  const first = await snapshots.make(repository, [rows, [delta, { base: addressOf(rows) }]])
  await snapshots.make(repository, [raw], { parents: [first] })
  await repository.forget(await snapshots.make(repository, [rows]))
  await repository.close()
  intact = await contentOf(backend)
  packs = await keysBelow(backend, PACK_PREFIX)
  segment = (await keysBelow(backend, SEGMENT_PREFIX))[0]!
})
beforeEach(async () => { await restoreContent(backend, intact) })

async function verify (): Promise<StorageFinding[]> {
  return await Array.fromAsync(verifyStorage(await openRepository(backend)))
}

/** Reads everything; what cannot be read is named, and nothing wrong is ever returned. */
async function readAll (): Promise<Map<Address, string>> {
  const repository = await openRepository(backend)
  const results = new Map<Address, string>()
  for (const [i, address] of addresses.entries()) {
    try {
      const bytes = await repository.get(address)
      results.set(address, bytes === undefined ? 'absent' : blobs[i]!.equals(bytes) ? 'intact' : 'WRONG')
    } catch (error) {
      results.set(address, isBackupError(error) ? error.code : 'UNKNOWN ERROR')
    }
  }
  return results
}

it('finds nothing wrong in an intact repository', async () => {
  expect(await verify()).toEqual([])
  expect([...(await readAll()).values()]).toEqual(['intact', 'intact', 'intact'])
})

describe('a flipped bit', () => {
  it('anywhere in a pack is found, named, and never read as if it were right', async () => {
    for (const key of packs) {
      const { length } = intact.get(key)!
      for (let position = 0; position < length; position += position < length - 48 ? STEP : 1) {
        await flipBit(backend, key, position, position % 8)
        const findings = await verify()
        expect(findings.map(finding => finding.key), `byte ${position} of ${key}`).toContain(key)
        for (const result of (await readAll()).values()) expect(['intact', 'BLOB_CORRUPT']).toContain(result)
        await backend.put(key, intact.get(key)!)
      }
    }
  })

  it('in a blob is named with its address and its offset', async () => {
    const repository = await openRepository(backend)
    const { pack, offset } = repository.locate(addressOf(raw))!
    const key = packs.find(name => name.includes(pack))!
    await flipBit(backend, key, offset + 50)
    await expect(repository.get(addressOf(raw))).rejects.toMatchObject({ code: 'BLOB_CORRUPT', data: { address: addressOf(raw), pack, offset } })
    expect(await verify()).toMatchObject([
      { code: 'BLOB_CORRUPT', key, address: addressOf(raw), offset, intactElsewhere: false },
      { code: 'PACK_CORRUPT', key },
    ])
  })

  it('in a base is found in every delta of it as well', async () => {
    const repository = await openRepository(backend)
    const { pack, offset } = repository.locate(addressOf(rows))!
    await flipBit(backend, packs.find(name => name.includes(pack))!, offset + 20)
    expect((await verify()).map(finding => finding.address)).toEqual(expect.arrayContaining([addressOf(rows), addressOf(delta)]))
  })

  it('anywhere in an index segment is found, and repaired from the packs', async () => {
    const { length } = intact.get(segment)!
    for (let position = 0; position < length; position += 3 * STEP) {
      await flipBit(backend, segment, position, position % 8)
      expect(await verify(), `byte ${position}`).toMatchObject([{ code: 'INDEX_CORRUPT', key: segment }])
      expect([...(await readAll()).values()]).toContain('INDEX_CORRUPT')
      const repository = await openRepository(backend)
      expect(await repairIndex(repository)).toMatchObject({ rewritten: [], removedSegments: [], left: [] })
      expect([...(await readAll()).values()]).toEqual(['intact', 'intact', 'intact'])
      expect(await keysBelow(backend, SEGMENT_PREFIX)).toContain(segment)
      expect(await repairIndex(repository)).toMatchObject({ listed: [], left: [] })
      expect(await keysBelow(backend, SEGMENT_PREFIX)).not.toContain(segment)
      expect(await verify()).toEqual([])
      await restoreContent(backend, intact)
    }
  })

  it('anywhere in a record is found', async () => {
    const records = [...intact.keys()].filter(key => /^(sessions|outcomes|forgotten)\//.test(key))
    expect(records).toHaveLength(7)
    for (const key of records) {
      for (let position = 0; position < intact.get(key)!.length; position += STEP) {
        await flipBit(backend, key, position, position % 8)
        expect((await verify()).map(finding => finding.key), `byte ${position} of ${key}`).toContain(key)
        await backend.put(key, intact.get(key)!)
      }
    }
  })

  it('anywhere in config.json keeps the repository from being opened', async () => {
    for (let position = 0; position < intact.get(CONFIG_KEY)!.length; position++) {
      await flipBit(backend, CONFIG_KEY, position, position % 8)
      const error = await openRepository(backend).catch((reason: unknown) => reason)
      expect(isBackupError(error, 'RECORD_CORRUPT', 'FORMAT_UNKNOWN'), `byte ${position}`).toBe(true)
      await backend.put(CONFIG_KEY, intact.get(CONFIG_KEY)!)
    }
  })
})

describe('a pack', () => {
  it('cut off anywhere is found, and what is gone of it named', async () => {
    for (const key of packs) {
      for (let length = 0; length < intact.get(key)!.length; length += 3 * STEP) {
        await truncate(backend, key, length)
        expect((await verify()).map(finding => finding.key), `${length} bytes of ${key}`).toContain(key)
        for (const result of (await readAll()).values()) expect(['intact', 'BLOB_CORRUPT']).toContain(result)
        await backend.put(key, intact.get(key)!)
      }
    }
  })

  it('that lost its footer gets it back, the same to the last byte', async () => {
    for (const key of packs) {
      await truncate(backend, key, intact.get(key)!.length - 60)
      const repository = await openRepository(backend)
      expect(await repairIndex(repository)).toMatchObject({ rewritten: [expect.stringMatching(/^[0-9a-f]{32}$/)], left: [] })
      expect(Buffer.from((await backend.get(key))!).equals(intact.get(key)!)).toBe(true)
    }
    expect(await verify()).toEqual([])
  })

  it('that is longer than it should be is found', async () => {
    await backend.put(packs[0]!, Buffer.concat([intact.get(packs[0]!)!, Buffer.from('x')]))
    expect(await verify()).toMatchObject([{ code: 'PACK_CORRUPT', key: packs[0] }])
  })

  it('that is missing is found with each blob it had, stored again, and then no loss', async () => {
    const repository = await openRepository(backend)
    const { pack } = repository.locate(addressOf(raw))!
    await backend.delete(packs.find(name => name.includes(pack))!)
    expect(await verify()).toMatchObject([{ code: 'BLOB_CORRUPT', address: addressOf(raw), intactElsewhere: false }, { code: 'PACK_CORRUPT' }])
    await snapshots.make(repository, [raw])
    expect(await verify()).toMatchObject([{ address: addressOf(raw), intactElsewhere: true }, { code: 'PACK_CORRUPT' }])
    expect([...(await readAll()).values()]).toEqual(['intact', 'intact', 'intact'])
  })

  it('exchanged for another one is found', async () => {
    await backend.put(packs[0]!, intact.get(packs[1]!)!)
    expect((await verify()).map(finding => finding.code)).toContain('PACK_CORRUPT')
  })
})

describe('storage that reads short', () => {
  it('is found out, never believed', async () => {
    const short = faultyBackend(backend)
    const repository = await openRepository(short)
    short.shorten('get', { key: PACK_PREFIX, bytes: 20 })
    for (const address of addresses) await expect(repository.get(address)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' })
    short.heal()
    for (const [i, address] of addresses.entries()) expect(await repository.get(address)).toEqual(blobs[i])
  })

  it('that fails is no damage and no absence', async () => {
    const failing = faultyBackend(backend)
    const repository = await openRepository(failing)
    failing.fail('get', { key: PACK_PREFIX })
    for (const address of addresses) await expect(repository.get(address)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    failing.fail('stream')
    await expect(Array.fromAsync(verifyStorage(repository))).rejects.toMatchObject({ code: 'STORAGE_IO' })
  })
})

describe('lost index segments', () => {
  it('are made again from the packs', async () => {
    for (const key of await keysBelow(backend, SEGMENT_PREFIX)) await backend.delete(key)
    expect([...(await readAll()).values()]).toEqual(['absent', 'absent', 'absent'])
    const repository = await openRepository(backend)
    expect((await repairIndex(repository)).listed).toHaveLength(packs.length)
    expect([...(await readAll()).values()]).toEqual(['intact', 'intact', 'intact'])
    expect(await verify()).toEqual([])
  })

  it('keep the collector from taking live packs for garbage', async () => {
    for (const key of await keysBelow(backend, SEGMENT_PREFIX)) await backend.delete(key)
    const repository = await openRepository(backend)
    await expect(planGarbage(repository, { mark: snapshots.mark(repository) })).rejects.toMatchObject({ code: 'BLOB_MISSING' })
  })

  it('damaged ones do so too', async () => {
    await flipBit(backend, segment, 30)
    const repository = await openRepository(backend)
    await expect(planGarbage(repository, { mark: snapshots.mark(repository) })).rejects.toMatchObject({ code: 'INDEX_CORRUPT' })
  })
})

it('refuses a repository of a newer format by name', async () => {
  await backend.put(CONFIG_KEY, encodeRecord({ format: 2, id: 'x' }))
  await expect(openRepository(backend)).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' })
})
