import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { CONFIG_KEY, OUTCOME_PREFIX, PACK_PREFIX, SEGMENT_PREFIX, isSealedKey } from '../../src/cas/layout.ts'
import { padmeSize } from '../../src/cas/padme.ts'
import { decodeRecord, encodeRecord } from '../../src/cas/record.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { listSegments, readSegment } from '../../src/cas/segments.ts'
import { shuffledOrder } from '../../src/cas/shuffle.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { ROOT, Snapshots, commitment, putAll } from './snapshots.ts'
import { testSealing } from './test-sealing.ts'

const sealing = testSealing()
const blobs = [...Array.from({ length: 30 }, (_, i) => seededRows(10 + i, i)), seededBytes(70_000, 'raw'), Buffer.from('patient records of the clinic')]

async function contentOf (backend: StorageBackend): Promise<Map<string, Buffer>> {
  const content = new Map<string, Buffer>()
  for await (const { key } of backend.list('')) content.set(key, Buffer.from((await backend.get(key))!))
  return content
}

/** A sealed repository with a snapshot, a catalogue and a restore under way. */
async function fill (backend: StorageBackend, key = sealing): Promise<Repository> {
  const repository = await createRepository(backend, { sealing: key })
  const writer = await repository.openWriter()
  await putAll(writer, blobs)
  await writer.commit({ ...commitment, project: 'clinic', statements: [{ note: 'said by a validator' }] })
  await repository.backend.put('metadata/snapshots.json', Buffer.from(JSON.stringify({ root: ROOT })))
  await repository.backend.put('restores/one', encodeRecord({ targets: 'patient database' }))
  return repository
}

describe('what a sealed repository stores', () => {
  it('has nothing of the content, no address and no name in it', async () => {
    const backend = memoryBackend()
    await fill(backend)
    const texts = ['patient', 'clinic', ROOT, 'validator', 'statements', 'name ', 'CAFPACK1', 'CAFINDX1', 'CAFPEND1']
    const addresses = blobs.map(addressOf)
    const secrets = [
      ...texts.map(text => Buffer.from(text)), ...addresses.map(address => Buffer.from(address)), ...addresses.map(address => Buffer.from(address, 'hex')),
      ...blobs.map(bytes => bytes.subarray(0, 24)), Buffer.from(sealing.current.bytes),
    ]
    for (const [key, bytes] of await contentOf(backend)) {
      const decoded = key.startsWith(OUTCOME_PREFIX) ? Buffer.concat([bytes, Buffer.from(String(decodeRecord(key, bytes)['sealed'] ?? ''), 'base64')]) : bytes
      for (const secret of secrets) expect(decoded.includes(secret), `${secret.toString('latin1')} in ${key}`).toBe(false)
    }
  })

  it('has lengths that say little', async () => {
    const backend = memoryBackend()
    await fill(backend)
    for (const [key, bytes] of await contentOf(backend)) {
      if (!isSealedKey(key)) continue
      const segments = bytes.length - 12 - bytes.readUInt32LE(8)
      const plain = segments - 16 * Math.ceil(segments / 65_552)
      expect(padmeSize(plain), key).toBe(plain)
      expect(plain).toBeGreaterThanOrEqual(key.startsWith(PACK_PREFIX) ? 32_768 : 4_096)
    }
  })

  it('looks unrelated to another repository of the same content', async () => {
    const [one, other] = [memoryBackend(), memoryBackend()]
    await fill(one)
    await fill(other, testSealing('another key'))
    const parts = async (backend: StorageBackend): Promise<Set<string>> => {
      const found = new Set<string>()
      for (const [key, bytes] of await contentOf(backend)) {
        if (!isSealedKey(key)) continue
        for (let at = 12 + bytes.readUInt32LE(8); at + 8 <= bytes.length; at += 8) found.add(bytes.toString('hex', at, at + 8))
      }
      return found
    }
    const first = await parts(one)
    expect([...await parts(other)].filter(part => first.has(part))).toEqual([])
  })

  it('has the blobs of a pack in another order than they came', async () => {
    const repository = await fill(memoryBackend())
    const [segment] = await listSegments(repository.backend)
    const [pack] = (await readSegment(repository.backend, segment!))!
    const order = pack!.blobs.map(({ address }) => blobs.map(addressOf).indexOf(address))
    expect(order.toSorted((a, b) => a - b)).toEqual(blobs.map((_, i) => i))
    expect(order).not.toEqual(blobs.map((_, i) => i))
    expect(order.filter((place, i) => i > 0 && place === order[i - 1]! + 1).length).toBeLessThan(blobs.length / 4)
  })

  it('lists the lengths of the objects that its packs are stored as', async () => {
    const backend = memoryBackend()
    const repository = await fill(backend)
    const [segment] = await listSegments(repository.backend)
    const [pack] = (await readSegment(repository.backend, segment!))!
    const [entry] = await Array.fromAsync(backend.list(PACK_PREFIX))
    expect(pack!.objectBytes).toBe(entry!.sizeBytes)
    expect((await repository.stats()).storedBytes).toBe(entry!.sizeBytes)
    expect(await repository.backend.size(entry!.key)).toBe(pack!.sizeBytes)
  })
})

describe('shuffling', () => {
  it('gives each order about as often', () => {
    const counts = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order = shuffledOrder(3, length => seededBytes(length, i)).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  it.each([0, 1, 2, 1000])('keeps all of %i', count => {
    expect(shuffledOrder(count, length => seededBytes(length, 'all')).toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
  })
})

describe('padding', () => {
  it('grows by 12 % at most, and never shrinks what is longer', () => {
    let last = 0
    for (let length = 1; length < 5_000_000; length = Math.ceil(length * 1.001)) {
      const padded = padmeSize(length)
      expect(padded).toBeGreaterThanOrEqual(Math.max(length, last))
      expect(padded).toBeLessThanOrEqual(length * 1.12)
      expect(padmeSize(padded)).toBe(padded)
      last = padded
    }
    expect(padmeSize(2 ** 40 + 1)).toBe(2 ** 40 + 2 ** 34)
  })
})

describe('opening a sealed repository', () => {
  it('without a key is KEY_NEEDED, and says what to give', async () => {
    const backend = memoryBackend()
    await fill(backend)
    await expect(openRepository(backend)).rejects.toMatchObject({ code: 'KEY_NEEDED', message: expect.stringContaining('JWT_SECRET') as string })
  })

  it('with the key of another one is KEY_NEEDED, also when nothing is in it yet', async () => {
    const backend = memoryBackend()
    await createRepository(backend, { sealing })
    await expect(openRepository(backend, { sealing: testSealing('another key') })).rejects.toMatchObject({ code: 'KEY_NEEDED' })
  })

  it('is refused for one that is not sealed, since somebody may have made it look so', async () => {
    const backend = memoryBackend()
    await fill(backend)
    const { sealing: _, key, ...config } = decodeRecord(CONFIG_KEY, (await backend.get(CONFIG_KEY))!)
    expect(key).toBe(sealing.current.id)
    await backend.put(CONFIG_KEY, encodeRecord({ ...config, sealing: 'none' }))
    await expect(openRepository(backend, { sealing })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('reads what was sealed with an older key, and seals with the newer one', async () => {
    const backend = memoryBackend()
    await fill(backend)
    const old = sealing.current
    const { current } = testSealing('newer key')
    const rotated = { current, slots: [], find: async (id: string) => [old, current].find(key => key.id === id) }
    const repository = await openRepository(backend, { sealing: rotated })
    for (const blob of blobs) expect(blob.equals((await repository.get(addressOf(blob)))!)).toBe(true)
    await new Snapshots().make(repository, [Buffer.from('new')])
    expect(await repository.visible()).toHaveLength(2)
    const late = await openRepository(backend, { sealing }) // It began before the key was changed.
    for (const blob of blobs) expect(blob.equals((await late.get(addressOf(blob)))!)).toBe(true)
    await expect(late.get(addressOf(Buffer.from('new')))).rejects.toMatchObject({ code: 'INDEX_CORRUPT', cause: { code: 'KEY_NEEDED' } })
    await expect(late.visible()).rejects.toMatchObject({ code: 'KEY_NEEDED' })
  })
})

describe('commit records of a sealed repository', () => {
  let backend: StorageBackend
  let key: string
  beforeEach(async () => {
    backend = memoryBackend()
    const repository = await fill(backend)
    key = OUTCOME_PREFIX + (await repository.visible())[0]!.id
  })
  const visible = async (): Promise<unknown> => await (await openRepository(backend, { sealing })).visible()
  const members = async (): Promise<ReturnType<typeof decodeRecord>> => {
    const { format: _, ...record } = decodeRecord(key, (await backend.get(key))!)
    return record
  }

  it('show without a key when a session ended and how, and nothing else', async () => {
    expect(await members()).toEqual({ outcome: 'commit', time: expect.any(String) as string, sealed: expect.any(String) as string })
    expect(await visible()).toMatchObject([{ root: ROOT, project: 'clinic', statements: [{ note: 'said by a validator' }] }])
  })

  it('made up without a key make nothing visible', async () => {
    await backend.put(key, encodeRecord({ outcome: 'commit', time: '2026-11-21T00:00:00.000Z', ...commitment }))
    await expect(visible()).rejects.toMatchObject({ code: 'RECORD_CORRUPT', message: expect.stringContaining('not sealed') as string })
  })

  it('of another session are SEAL_BROKEN', async () => {
    const other = OUTCOME_PREFIX + 'ab'.repeat(16)
    await backend.put(other, (await backend.get(key))!)
    await expect(visible()).rejects.toMatchObject({ code: 'SEAL_BROKEN', data: { key: other } })
  })

  it('that are SEAL_BROKEN are left out where one asks for that, and can be forgotten', async () => {
    const other = 'ab'.repeat(16)
    await backend.put(OUTCOME_PREFIX + other, (await backend.get(key))!)
    const repository = await openRepository(backend, { sealing })
    const damaged: string[] = []
    expect(await repository.visible({ onDamaged: id => { damaged.push(id) } })).toHaveLength(1)
    expect(damaged).toEqual([other])
    await expect(repository.roots()).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    expect(await repository.forget(other)).toBe(true)
    expect(await repository.roots()).toHaveLength(1)
  })

  it('with another time are RECORD_CORRUPT', async () => {
    await backend.put(key, encodeRecord({ ...await members(), time: '2026-11-21T00:00:00.000Z' }))
    await expect(visible()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
  })

  it.each([['cut', (text: string) => text.slice(0, 400)], ['empty of sense', () => 'AAAA'], ['no base64', () => '%%%']])('that are %s are SEAL_BROKEN', async (_, change) => {
    const record = await members()
    await backend.put(key, encodeRecord({ ...record, sealed: change(String(record['sealed'])) }))
    await expect(visible()).rejects.toMatchObject({ code: 'SEAL_BROKEN', data: { key } })
  })
})

describe('the cache of the index', () => {
  let folder: string
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-sealed-')) })
  afterEach(async () => { await rm(folder, { recursive: true }) })

  it('of a sealed repository is not in it', async () => {
    const backend = directoryBackend(join(folder, 'repository'))
    const repository = await fill(backend)
    await repository.close()
    expect((await Array.fromAsync(backend.list('metadata/'))).map(({ key }) => key)).toEqual([expect.stringMatching(`^${SEGMENT_PREFIX}`), 'metadata/snapshots.json'])
    for (const inside of ['', 'metadata/level', 'x/../y']) {
      await expect(openRepository(backend, { sealing, cacheFolder: join(folder, 'repository', inside) })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    }
  })

  it('works elsewhere', async () => {
    const backend = directoryBackend(join(folder, 'repository'))
    await (await fill(backend)).close()
    for (let round = 0; round < 2; round++) {
      const repository = await openRepository(backend, { sealing, cacheFolder: join(folder, 'repository-cache') })
      for (const blob of blobs) expect(blob.equals((await repository.get(addressOf(blob)))!)).toBe(true)
      await repository.close()
    }
  })
})
