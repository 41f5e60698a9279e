import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compress, decompress, free } from '../../src/cas/zstd.ts'
import { seededRows } from './seeded-bytes.ts'

describe('zstd', () => {
  it.each([0, 1, 8192, 524_288, 3_000_000])('gives back %i bytes', size => {
    const bytes = seededRows(45_000, 'x').subarray(0, size)
    expect(bytes.equals(decompress(compress(bytes), size))).toBe(true)
  })

  it('gives back anything with any dictionary', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array({ minLength: 1, maxLength: 2000 }), (bytes, dictionary) => {
      expect(Buffer.from(decompress(compress(bytes, { dictionary }), bytes.length, { dictionary }))).toEqual(Buffer.from(bytes))
    }))
  })

  it.each([1_000, 1_000_000])('stops at %i bytes, whatever the frame holds', plain => {
    const bomb = zstdCompressSync(Buffer.alloc(50_000_000))
    expect(() => decompress(bomb, plain)).toThrow()
  })

  it.each([
    ['the smallest', Buffer.allocUnsafeSlow(1)], ['as much as the pool', Buffer.allocUnsafeSlow(Buffer.poolSize)],
    ['what was decompressed', decompress(compress(Buffer.alloc(40_000)), 40_000)], ['a large one', Buffer.alloc(100_000)],
  ])('frees memory that is its own: %s', (_, bytes) => {
    free(bytes)
    expect(bytes.length).toBe(0)
    free(bytes) // once more does no harm
  })

  it.each([10, 5_000, 8_000, 100_000])('frees what it made of %i bytes, and no memory of others', size => {
    const others = Array.from({ length: 20 }, () => Buffer.from('other'))
    free(decompress(compress(Buffer.alloc(size, 'x')), size))
    free(compress(Buffer.alloc(size, 'x')))
    expect(others.map(String)).toEqual(others.map(() => 'other'))
  })
})
