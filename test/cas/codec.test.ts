import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { Codec } from '../../src/cas/codec.ts'
import type { CodecOptions } from '../../src/cas/codec.ts'
import type { CopiedSpan } from '../../src/cas/blob-store.ts'
import { encodeScript } from '../../src/cas/edit-script.ts'
import type { EncodedBytes, StoredBytes } from '../../src/cas/codec-task.ts'
import { compress } from '../../src/cas/zstd.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'

const run = promisify(execFile)
const MEGABYTE = 1024 * 1024

/** A codec whose threads run. */
async function threaded (options: CodecOptions = {}): Promise<Codec> {
  const codec = new Codec({ startBytes: 0, ...options })
  while (!codec.isThreaded) {
    await codec.encode(Buffer.alloc(20_000), undefined, () => undefined)
    await new Promise(resolve => { setImmediate(resolve) })
  }
  return codec
}

const kept = ({ encoding, stored }: EncodedBytes): EncodedBytes => ({ encoding, stored: Buffer.from(stored) })

describe('the codec', async () => {
  const alone = new Codec({ startBytes: Infinity })
  const codec = await threaded()
  afterAll(async () => { await codec.close() })

  /** Bytes of which about a third can be compressed, and a base like them. */
  function pair (length: number, seed: string, baseLength: number): { bytes: Buffer, base: Buffer | undefined } {
    const bytes = Buffer.concat([seededBytes(Math.ceil(length * 2 / 3), seed), seededRows(Math.ceil(length / 30), seed)]).subarray(0, length)
    return { bytes, base: baseLength === 0 ? undefined : Buffer.concat([Buffer.from('new at the beginning'), bytes]).subarray(0, baseLength) }
  }

  async function roundTrip (bytes: Buffer, base: Buffer | undefined): Promise<void> {
    const one = await codec.encode(bytes, base, kept)
    const other = await alone.encode(bytes, base, kept)
    expect(one.encoding).toBe(other.encoding)
    expect(Buffer.compare(one.stored, other.stored)).toBe(0)
    const form = { encoding: one.encoding, plain: bytes.length }
    const back = await codec.decode(one.stored, form, one.encoding === 2 ? base : undefined)
    expect(bytes.equals(back.bytes)).toBe(true)
    expect(back.address).toBe(addressOf(bytes))
    expect(await codec.addressOf(one.stored, form, one.encoding === 2 ? base : undefined)).toBe(addressOf(bytes))
  }

  it.each([0, 1, 16_384, 16_385, 131_072, MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 16 * MEGABYTE])('gives back %i bytes', async length => {
    const { bytes, base } = pair(length, 'size', length)
    await roundTrip(bytes, undefined)
    await roundTrip(bytes, base)
  })

  it('does on threads what it does alone, for many at once', async () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 16_000, max: 400_000 }), fc.integer({ min: 900_000, max: 1_300_000 }))
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(lengths, lengths), { minLength: 1, maxLength: 12 }), async sizes => {
      await Promise.all(sizes.map(async ([length, baseLength], i) => {
        const { bytes, base } = pair(length, `many ${i}`, baseLength)
        await roundTrip(bytes, base)
      }))
    }), { numRuns: 12, seed: 1 })
  }, 30_000)

  it.each([10_000, 100_000])('decodes scripts of %i bytes together with their bases', async length => {
    const versions = ['one', 'two', 'four'].map(word => Buffer.concat([Buffer.from(word), seededRows(length / 60, 'chain')]))
    const [first, second, third] = versions as [Buffer, Buffer, Buffer]
    const copies = (at: number): CopiedSpan[] => [{ at, from: 3, length: first.length - 3 }]
    const one: StoredBytes = { ...await codec.encode(first, undefined, kept), plain: first.length }
    const two: StoredBytes = { encoding: 3, stored: encodeScript(second, first, copies(3))!, plain: second.length, base: one }
    const three: StoredBytes = { encoding: 3, stored: encodeScript(third, second, copies(4))!, plain: third.length }
    for (const either of [codec, alone]) {
      for (const base of [two, { ...two, base: first }, second]) {
        const { bytes, address } = await either.decode(three.stored, three, base)
        expect(third.equals(bytes)).toBe(true)
        expect([address, await either.addressOf(three.stored, three, base)]).toEqual([addressOf(third), addressOf(third)])
      }
      await expect(either.decode(three.stored, three, second.subarray(0, -1))).rejects.toThrow('script')
    }
  })

  it('encodes small blobs that come together, each with its own effort and for its own taker', async () => {
    const blobs = Array.from({ length: 60 }, (_, i) => i % 7 === 0 ? seededBytes(i * 30, i) : seededRows(i * 3, i))
    const effortOf = (i: number): 'less' | 'more' => i % 3 === 0 ? 'more' : 'less'
    for (const either of [codec, alone]) {
      const results = await Promise.allSettled(blobs.map(async (bytes, i) => await either.encode(bytes, undefined, encoded => {
        if (i === 20) throw new Error('no room')
        return kept(encoded)
      }, { effort: effortOf(i) })))
      for (const [i, bytes] of blobs.entries()) {
        const frame = compress(bytes, { effort: effortOf(i) })
        const expected = frame.length < bytes.length ? { encoding: 1, stored: frame } : { encoding: 0, stored: bytes }
        expect(results[i]).toEqual(i === 20 ? { status: 'rejected', reason: new Error('no room') } : { status: 'fulfilled', value: expected })
      }
    }
  })

  it.each([10_000, 100_000])('decodes a delta of %i bytes together with its bases', async length => {
    const versions = ['one', 'two', 'three'].map(word => Buffer.concat([Buffer.from(word), seededBytes(length, 'chain')]))
    const [first, second, third] = versions as [Buffer, Buffer, Buffer]
    const stored = await Promise.all([[first, undefined], [second, first], [third, second]].map(async ([bytes, base]) => await codec.encode(bytes!, base, kept)))
    const [one, two, three] = stored.map((encoded, i) => ({ ...encoded, plain: versions[i]!.length })) as [StoredBytes, StoredBytes, StoredBytes]
    expect([two.encoding, three.encoding]).toEqual([2, 2])
    for (const either of [codec, alone]) {
      for (const base of [{ ...two, base: { ...one } }, { ...two, base: first }]) {
        const { bytes, address } = await either.decode(three.stored, three, base)
        expect(third.equals(bytes)).toBe(true)
        expect([address, await either.addressOf(three.stored, three, base)]).toEqual([addressOf(third), addressOf(third)])
      }
      expect(await either.addressOf(three.stored, three, { ...two, base: seededBytes(length + 3, 'other') }).catch(() => 'an error')).not.toBe(addressOf(third))
    }
  })

  it('gives memory of the caller\'s own', async () => {
    const bytes = seededBytes(100_000, 'own')
    const [one, other] = await Promise.all([codec.decode(bytes, { encoding: 0, plain: 100_000 }), codec.decode(bytes, { encoding: 0, plain: 100_000 })])
    one.bytes.fill(0)
    expect(bytes.equals(other.bytes)).toBe(true)
  })

  it('rejects for damaged frames, and works on', async () => {
    const bytes = seededRows(10_000, 'damaged')
    const { stored } = await codec.encode(bytes, undefined, kept)
    const form = { encoding: 1, plain: bytes.length } as const
    await expect(codec.decode(stored.subarray(0, 1000), form)).rejects.toThrow()
    await expect(codec.decode(seededBytes(1000, 'no frame'), form)).rejects.toThrow()
    await expect(codec.decode(stored, { ...form, plain: bytes.length - 1 })).rejects.toThrow()
    const flipped = Buffer.from(stored)
    flipped[flipped.length >> 1]! ^= 1
    const result = await codec.addressOf(flipped, form).catch(() => 'an error')
    expect(result).not.toBe(addressOf(bytes))
    expect((await codec.decode(stored, form)).address).toBe(addressOf(bytes))
  })

  it('rejects with what the taker throws, and works on', async () => {
    for (let i = 0; i < 10; i++) await expect(codec.encode(seededRows(10_000, 'x'), undefined, () => { throw new Error('no room') })).rejects.toThrow('no room')
    await roundTrip(seededRows(10_000, 'x'), undefined)
  })

  it('starts no thread for small or little work', async () => {
    const lazy = new Codec()
    for (let i = 0; i < 1000; i++) await lazy.encode(Buffer.alloc(16_384), undefined, () => undefined)
    await lazy.encode(Buffer.alloc(MEGABYTE), undefined, () => undefined)
    await new Promise(resolve => { setTimeout(resolve, 0) })
    expect(lazy.isStarted).toBe(false)
    await lazy.encode(Buffer.alloc(6 * MEGABYTE), undefined, () => undefined)
    expect(lazy.isStarted).toBe(true)
    await lazy.close()
  })

  it('fails with one error when a thread ends by itself, then and ever after', async () => {
    const broken = await threaded({ url: new URL('./ending-worker.ts', import.meta.url) })
    const jobs = Array.from({ length: 20 }, async () => { await broken.encode(seededRows(10_000, 'x'), undefined, () => undefined) })
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: 'THREAD_FAILED' })
    await expect(broken.addressOf(Buffer.alloc(20_000), { encoding: 0, plain: 20_000 })).rejects.toMatchObject({ code: 'THREAD_FAILED' })
    await broken.close()
  })

  it('fails what is not done when it is closed, once or twice', async () => {
    const closed = await threaded()
    const jobs = Promise.allSettled(Array.from({ length: 20 }, async () => { await closed.encode(seededRows(10_000, 'x'), undefined, () => undefined) }))
    await Promise.all([closed.close(), closed.close()])
    for (const job of await jobs) expect(job).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_OPTION' } })
    await closed.close()
  })

  it('keeps the process as long as it has work, and no longer', async () => {
    const program = `
      import { Codec } from ${JSON.stringify(join(import.meta.dirname, '../../src/cas/codec.ts'))}
      const codec = new Codec({ startBytes: 0 })
      while (!codec.isThreaded) {
        await codec.encode(Buffer.alloc(20_000), undefined, () => undefined)
        await new Promise(resolve => { setTimeout(resolve, 5) })
      }
      const lengths = await Promise.all(Array.from({ length: 9 }, () => codec.encode(Buffer.alloc(500_000), undefined, ({ stored }) => stored.length)))
      process.stdout.write(String(lengths.length))`
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { timeout: 20_000 })
    expect(stdout).toBe('9')
  }, 30_000)
})
