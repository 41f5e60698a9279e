import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { ObjectSeal } from '../../src/cas/object-seal.ts'
import { encodeSealHead } from '../../src/cas/seal-header.ts'
import { SealedBackend } from '../../src/cas/sealed-backend.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from '../../src/storage/storage-backend.ts'
import type { AbortOptions, Bytes } from '../../src/stream.ts'
import { storageBackendCompliance } from '../compliance/storage-backend.ts'
import { seededBytes } from './seeded-bytes.ts'
import { testSealing } from './test-sealing.ts'

const KEY = 'blobs/ab/abcd.pack'

/** Puts everything below a folder that is sealed, and lists the sizes that the objects have. */
class SealedFolder extends ForwardingBackend {
  readonly #folder: string

  constructor (inner: StorageBackend, folder: string) {
    super(inner)
    this.#folder = folder
  }

  override async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> { return await super.put(this.#folder + key, body, options) }
  override async get (key: string, options?: RangeOptions): Promise<Uint8Array | undefined> { return await super.get(this.#folder + key, options) }
  override async stream (key: string, options?: RangeOptions): Promise<Bytes | undefined> { return await super.stream(this.#folder + key, options) }
  override async size (key: string, options?: AbortOptions): Promise<number | undefined> { return await super.size(this.#folder + key, options) }
  override async delete (key: string, options?: AbortOptions): Promise<boolean> { return await super.delete(this.#folder + key, options) }
  override async * list (prefix: string, options?: AbortOptions): AsyncGenerator<ObjectEntry> {
    for await (const { key } of super.list(this.#folder + prefix, options)) {
      yield { key: key.slice(this.#folder.length), sizeBytes: (await super.size(key))! }
    }
  }
}

const sealed = (inner: StorageBackend, seed?: string): SealedBackend => new SealedBackend(inner, testSealing(seed), randomBytes)

describe('a sealed backend', () => {
  describe.each(['blobs/', 'restores/'])('below %s', folder => {
    storageBackendCompliance(async () => ({ backend: new SealedFolder(sealed(memoryBackend()), folder), remove: async () => {} }))
  })

  describe('on disk', () => {
    storageBackendCompliance(async () => {
      const path = await mkdtemp(join(tmpdir(), 'caf-sealed-'))
      return { backend: new SealedFolder(sealed(directoryBackend(path)), 'blobs/'), remove: async () => { await rm(path, { recursive: true }) } }
    })
  })

  describe('where nothing is sealed', () => {
    storageBackendCompliance(async () => ({ backend: new SealedFolder(sealed(memoryBackend()), 'outcomes/'), remove: async () => {} }))
  })

  it('gives every range of an object of any length around the ends of segments', async () => {
    const backend = sealed(memoryBackend())
    const lengths = [0, 1, 65_527, 65_528, 65_529, 131_063, 131_064, 131_065, 300_000, 1_100_000]
    await fc.assert(fc.asyncProperty(
      fc.constantFrom(...lengths), fc.constantFrom(0, 1, 65_527, 65_528, 65_529, 131_064, 200_000, 299_999, 300_000, 2_000_000), fc.integer({ min: 0, max: 200_000 }),
      async (size, offset, length) => {
        const bytes = seededBytes(size, 'ranges')
        await backend.put(KEY, bytes)
        const expected = bytes.subarray(offset, offset + length)
        expect(expected.equals((await backend.get(KEY, { offset, length }))!)).toBe(true)
        expect(expected.equals(Buffer.concat(await Array.fromAsync((await backend.stream(KEY, { offset, length }))!)))).toBe(true)
        expect(bytes.equals(Buffer.concat(await Array.fromAsync((await backend.stream(KEY))!)))).toBe(true)
        expect(await backend.size(KEY)).toBe(size)
      }), { numRuns: 60 })
  })
})

describe('what is stored', () => {
  let inner: StorageBackend
  let backend: StorageBackend
  beforeEach(() => {
    inner = memoryBackend()
    backend = sealed(inner)
  })
  const stored = async (key = KEY): Promise<Buffer> => Buffer.from((await inner.get(key))!)
  const readings = (key = KEY): ReadonlyArray<() => Promise<unknown>> => [
    async () => await sealed(inner).get(key),
    async () => await sealed(inner).get(key, { offset: 0, length: 5 }),
    async () => await Array.fromAsync((await sealed(inner).stream(key))!),
    async () => await sealed(inner).size(key),
  ]

  it('is other bytes each time', async () => {
    await backend.put(KEY, Buffer.from('the same'))
    const first = await stored()
    await backend.put(KEY, Buffer.from('the same'))
    const second = await stored()
    expect(second).toHaveLength(first.length)
    const same = first.filter((byte, i) => byte === second[i]).length
    expect(same).toBeLessThan(first.length / 64) // the magic and the names of the header
  })

  it.each([0, 1, 100, 20_000, 32_760])('of %i bytes of a pack has one length, of 32 KiB', async length => {
    await backend.put(KEY, Buffer.alloc(length))
    await backend.put('blobs/ab/other.pack', Buffer.alloc(5))
    expect((await stored()).length).toBe((await stored('blobs/ab/other.pack')).length)
    expect((await stored()).length).toBeGreaterThan(32 * 1024)
  })

  it('with any bit flipped is never read as if it were right', async () => {
    const bytes = seededBytes(300, 'small')
    await backend.put('restores/one', bytes)
    const intact = await stored('restores/one')
    expect(intact.length).toBeLessThan(4_300)
    for (let position = 0; position < intact.length; position++) {
      const damaged = Buffer.from(intact)
      damaged[position]! ^= 1 << (position % 8)
      await inner.put('restores/one', damaged)
      await expect(sealed(inner).get('restores/one'), `byte ${position}`).rejects.toMatchObject({ code: expect.stringMatching(/^(SEAL_BROKEN|KEY_NEEDED|FORMAT_UNKNOWN)$/) as string })
    }
  })

  it('with a bit flipped in one segment keeps the ranges that the others hold', async () => {
    const bytes = seededBytes(300_000, 'large')
    await backend.put(KEY, bytes)
    const damaged = await stored()
    damaged[damaged.length - 200_000]! ^= 1
    await inner.put(KEY, damaged)
    const start = await backend.get(KEY, { offset: 0, length: 50_000 })
    expect(bytes.subarray(0, 50_000).equals(start!)).toBe(true)
    await expect(backend.get(KEY, { offset: 0, length: 300_000 })).rejects.toMatchObject({ code: 'SEAL_BROKEN', data: { key: KEY } })
    await expect(backend.get(KEY)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    await expect(Array.fromAsync((await backend.stream(KEY))!)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
  })

  it.each([-1, -16, -17, -65_552, 1, 16, 65_552])('that is %i bytes longer is SEAL_BROKEN', async more => {
    await backend.put(KEY, seededBytes(200_000, 'x'))
    const intact = await stored()
    await inner.put(KEY, more < 0 ? intact.subarray(0, more) : Buffer.concat([intact, Buffer.alloc(more)]))
    for (const read of [readings()[0]!, readings()[2]!, readings()[3]!]) await expect(read()).rejects.toMatchObject({ code: 'SEAL_BROKEN', data: { key: KEY } })
  })

  it.each([0, 5, 11, 12, 60])('of only %i bytes is SEAL_BROKEN', async length => {
    await backend.put(KEY, Buffer.from('x'))
    await inner.put(KEY, (await stored()).subarray(0, length))
    for (const read of readings()) await expect(read()).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
  })

  it.each([
    ['another name', 'blobs/ab/abce.pack'],
    ['another kind', 'metadata/index/abcd.idx'],
    ['another folder', 'restores/abcd'],
  ])('under %s is SEAL_BROKEN', async (_, other) => {
    await backend.put(KEY, Buffer.from('x'))
    await inner.put(other, await stored())
    for (const read of readings(other)) await expect(read()).rejects.toMatchObject({ code: 'SEAL_BROKEN', data: { key: other } })
  })

  it('with segments exchanged, or taken from another object, is SEAL_BROKEN', async () => {
    await backend.put(KEY, seededBytes(200_000, 'one'))
    const [one, size] = [await stored(), 65_552]
    await backend.put(KEY, seededBytes(200_000, 'two'))
    const two = await stored()
    const start = one.length - 16 - 200_704 % 65_536 - 3 * size // where the segments begin: 200,704 is the Padmé size
    const exchanged = Buffer.concat([one.subarray(0, start + size), one.subarray(start + 2 * size, start + 3 * size), one.subarray(start + size, start + 2 * size), one.subarray(start + 3 * size)])
    expect(exchanged).toHaveLength(one.length)
    const mixed = Buffer.concat([one.subarray(0, start + size), two.subarray(start + size)])
    for (const bytes of [exchanged, mixed]) {
      await inner.put(KEY, bytes)
      await expect(sealed(inner).get(KEY)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
      expect(await sealed(inner).get(KEY, { offset: 0, length: 10 })).toHaveLength(10) // the first segment is in its place
      await expect(sealed(inner).get(KEY, { offset: 70_000, length: 10 })).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    }
  })

  it.each<[string, (plain: Buffer) => void]>([
    ['claims more bytes than there is room for', plain => plain.writeBigUInt64LE(65_529n)],
    ['has something in its padding', plain => { plain[65_535] = 1 }],
  ])('by who has the key that %s is SEAL_BROKEN', async (_, change) => {
    const { current } = testSealing()
    const head = encodeSealHead({ key: current.id, salt: randomBytes(32), size: 65_536 })
    const object = Buffer.concat([head, Buffer.alloc(65_552)])
    const plain = Buffer.alloc(65_536)
    plain.writeBigUInt64LE(100n)
    change(plain)
    new ObjectSeal(KEY, head, current).seal(0, plain, object, head.length)
    await inner.put(KEY, object)
    for (const read of [readings()[0]!, readings()[2]!]) await expect(read()).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
  })

  it('with another key is KEY_NEEDED', async () => {
    await backend.put(KEY, Buffer.from('x'))
    const other = sealed(inner, 'another key')
    await expect(other.get(KEY)).rejects.toMatchObject({ code: 'KEY_NEEDED', data: { key: KEY } })
    await expect(other.get(KEY, { offset: 0, length: 1 })).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await expect(other.size(KEY)).rejects.toMatchObject({ code: 'KEY_NEEDED' })
  })

  it('is plain where no object is', async () => {
    await inner.put(KEY, Buffer.from('not sealed at all'))
    for (const read of readings()) await expect(read()).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
  })

  it('is read anew when a repair has replaced it, and absent when it is deleted, whatever was known of it', async () => {
    const bytes = seededBytes(100_000, 'kept')
    await backend.put(KEY, bytes)
    await backend.get(KEY, { offset: 5, length: 5 })
    await sealed(inner).put(KEY, bytes)
    expect(bytes.subarray(70_000, 70_100).equals((await backend.get(KEY, { offset: 70_000, length: 100 }))!)).toBe(true)
    await inner.delete(KEY)
    expect(await backend.get(KEY, { offset: 70_000, length: 100 })).toBeUndefined()
    expect(await backend.size(KEY)).toBeUndefined()
  })
})

describe('headers', () => {
  const bytes = seededBytes(2_000_000, 'counted')

  it('are read once for many ranges', async () => {
    const inner = countingBackend(memoryBackend())
    const backend = sealed(inner)
    await backend.put(KEY, bytes)
    for (let offset = 0; offset < 1_000_000; offset += 100_000) await backend.get(KEY, { offset, length: 1000 })
    expect(inner.calls).toMatchObject({ get: 11 })
    expect(inner.bytesRead).toBeLessThan(22 * 65_552 + 9_000)
  })

  it('of more than some KiB of key files are read all the same', async () => {
    const slots = Array.from({ length: 40 }, (_, i) => seededBytes(700, i))
    const inner = memoryBackend()
    const backend = new SealedBackend(inner, { ...testSealing(), slots }, randomBytes)
    await backend.put(KEY, bytes)
    expect(bytes.subarray(70_000, 70_100).equals((await sealed(inner).get(KEY, { offset: 70_000, length: 100 }))!)).toBe(true)
    const stored = Buffer.from((await inner.get(KEY))!)
    for (const slot of slots) expect(stored.includes(slot)).toBe(true)
    await backend.put('restores/one', Buffer.from('x'))
    expect(Buffer.from((await inner.get('restores/one'))!).includes(slots[0]!)).toBe(false)
  })

  it('are asked for again after storage failed', async () => {
    const inner = faultyBackend(memoryBackend())
    const backend = sealed(inner)
    await backend.put(KEY, bytes)
    inner.fail('get', { times: 1 })
    await expect(backend.get(KEY, { offset: 0, length: 10 })).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(bytes.subarray(0, 10).equals((await backend.get(KEY, { offset: 0, length: 10 }))!)).toBe(true)
    inner.shorten('get', { bytes: 1000, times: 1 })
    await expect(backend.get(KEY, { offset: 900_000, length: 10_000 })).resolves.toHaveLength(10_000) // tried again
  })
})
