import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBlob } from '../../src/cas/blob-encoder.ts'
import { Zstd } from '../../src/cas/zstd.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'

const zstd = new Zstd()

describe('zstd', () => {
  it.each([0, 1, 8192, 524_288, 524_289, 3_000_000])('gives back %i bytes', async size => {
    const bytes = seededRows(45_000, 'x').subarray(0, size)
    const frame = await zstd.compress(bytes)
    expect(bytes.equals(await zstd.decompress(frame, size))).toBe(true)
  })

  it('gives back anything with any dictionary', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array({ minLength: 1, maxLength: 2000 }), async (bytes, dictionary) => {
      const frame = await zstd.compress(bytes, { dictionary })
      expect(Buffer.from(await zstd.decompress(frame, bytes.length, { dictionary }))).toEqual(Buffer.from(bytes))
    }))
  })

  it.each([1_000, 1_000_000])('stops at %i bytes, whatever the frame holds', async plain => {
    const bomb = zstdCompressSync(Buffer.alloc(50_000_000))
    await expect(zstd.decompress(bomb, plain)).rejects.toThrow()
  })
})

describe('an encoded blob', () => {
  const rows = seededRows(1000, 'rows')
  const base = (bytes: Buffer, depth = 0): Parameters<typeof encodeBlob>[2] => ({ address: 'b'.repeat(64), bytes, depth })
  const changed = Buffer.from(rows).fill('x', 500, 520)

  it('is itself when zstd does not help, and a copy', async () => {
    const random = seededBytes(1000, 'r')
    const { encoding, stored, depth } = await encodeBlob(zstd, random)
    expect({ encoding, depth }).toEqual({ encoding: 0, depth: 0 })
    expect(stored).toEqual(random)
    expect(stored.buffer === random.buffer && stored.byteOffset === random.byteOffset).toBe(false)
  })

  it('is a frame when that is shorter', async () => {
    expect(await encodeBlob(zstd, rows)).toMatchObject({ encoding: 1, depth: 0 })
  })

  it('is a delta one deeper than its base when that halves it', async () => {
    const encoded = await encodeBlob(zstd, changed, base(rows, 3))
    expect(encoded).toMatchObject({ encoding: 2, base: 'b'.repeat(64), depth: 4 })
    expect(encoded.stored.length).toBeLessThan(200)
  })

  it('is no delta of something else, nor of a base that is too deep or empty', async () => {
    expect(await encodeBlob(zstd, rows, base(seededRows(1000, 'other')))).toMatchObject({ encoding: 1 })
    expect(await encodeBlob(zstd, changed, base(rows, 8))).toMatchObject({ encoding: 1 })
    expect(await encodeBlob(zstd, changed, base(rows, 7))).toMatchObject({ encoding: 2, depth: 8 })
    expect(await encodeBlob(zstd, changed, base(Buffer.alloc(0)))).toMatchObject({ encoding: 1 })
  })
})
