import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeNpy, encodeNpy, parseNpyHeader } from '../../../src/sources/matrix/npy.ts'

/** A file as NumPy 2.4 writes it: the dictionary filled up with spaces so that the numbers begin at `offset`. */
function npy (dictionary: string, numbers: string, { version = [1, 0], offset = 128 }: { version?: [number, number], offset?: number } = {}): Buffer {
  const start = version[0] === 1 ? 10 : 12
  const length = Buffer.alloc(start - 8)
  if (version[0] === 1) length.writeUInt16LE(offset - start)
  else length.writeUInt32LE(offset - start)
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from(version), length, Buffer.from(dictionary.padEnd(offset - start - 1) + '\n', 'latin1'), Buffer.from(numbers, 'hex')])
}

const F4 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
/** 1, -2, 0.5 / 3e38, NaN, -0 */
const F4_NUMBERS = '0000803f000000c00000003fe6b1617f0000c07f00000080'

describe('NumPy format', () => {
  it('reads float32 numbers as NumPy wrote them', () => {
    const { rows, columns, data } = decodeNpy(npy(F4, F4_NUMBERS))
    expect([rows, columns]).toEqual([2, 3])
    expect(data).toEqual(Float32Array.of(1, -2, 0.5, 3e38, NaN, -0))
  })

  it('reads float64 numbers of a file of version 2, and a vector as one row', () => {
    const numbers = '000000000000f03f0000000000000040'
    expect(decodeNpy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", numbers, { version: [2, 0] }))).toEqual({ rows: 1, columns: 2, data: Float64Array.of(1, 2) })
    expect(decodeNpy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", numbers))).toEqual({ rows: 1, columns: 2, data: Float64Array.of(1, 2) })
  })

  it('writes the same bytes as NumPy', () => {
    expect(encodeNpy({ rows: 2, columns: 3, data: Float32Array.of(1, -2, 0.5, 3e38, NaN, -0) })).toEqual(npy(F4, F4_NUMBERS))
    expect(encodeNpy({ rows: 0, columns: 3, data: new Float32Array(0) })).toEqual(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", ''))
  })

  it('gives back every matrix that was written, at any place in memory', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }), fc.boolean(), fc.infiniteStream(fc.double()), fc.nat(9), (rows, columns, isSingle, numbers, shift) => {
      const values = [...numbers.take(rows * columns)]
      const matrix = { rows, columns, data: isSingle ? Float32Array.from(values) : Float64Array.from(values) }
      const moved = Buffer.concat([Buffer.alloc(shift), encodeNpy(matrix)]).subarray(shift)
      expect(moved.length - matrix.data.byteLength).toSatisfy((offset: number) => offset % 64 === 0)
      expect(decodeNpy(moved)).toEqual(matrix)
    }))
  })

  it.each([
    ['|b1', '(4,)', 4, 1, 4], ['<i8', '(3, 2)', 48, 3, 2], ['>f4', '(2, 2)', 16, 2, 2], ['<f2', '(2, 3, 5)', 60, 2, 15], ['<c16', '()', 16, 1, 1],
  ])('knows how long the numbers of %s in the shape %s are', (dtype, shape, length, rows, columns) => {
    expect(parseNpyHeader(npy(`{'descr': '${dtype}', 'fortran_order': False, 'shape': ${shape}, }`, ''))).toMatchObject({ dtype, length, rows, columns, offset: 128 })
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['another file', Buffer.from('PK\x03\x04 something else entirely')],
    ['the magic alone', npy(F4, F4_NUMBERS).subarray(0, 6)],
    ['half a header', npy(F4, F4_NUMBERS).subarray(0, 100)],
    ['a missing number', npy(F4, F4_NUMBERS.slice(8))],
    ['a number too many', npy(F4, F4_NUMBERS + '00000000')],
    ['no dictionary', npy('hello', '')],
    ['code in the dictionary', npy("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os'), }", '')],
    ['a missing member', npy("{'descr': '<f4', 'shape': (2, 3), }", F4_NUMBERS)],
    ['a member twice', npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", F4_NUMBERS)],
    ['a negative size', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", F4_NUMBERS)],
    ['a shape beyond all memory', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999999), }", '')],
    ['a header of gigabytes', Buffer.concat([Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\x7f', 'latin1'), Buffer.alloc(200)])],
    ['a header of many members', npy(`{${"'descr': '<f4', ".repeat(4000)}`, '', { offset: 65_536 })],
  ])('refuses %s as damaged', (_, bytes) => {
    expect(() => decodeNpy(bytes)).toThrow(expect.objectContaining({ code: 'SOURCE_FAILED' }) as Error)
  })

  it.each([
    ['big-endian numbers', npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", F4_NUMBERS)],
    ['columns', npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", F4_NUMBERS)],
    ['integers', npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", F4_NUMBERS)],
    ['pickled objects', npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", F4_NUMBERS)],
    ['records', npy("{'descr': [('a', '<i4'), ('b', '<f4')], 'fortran_order': False, 'shape': (2,), }", F4_NUMBERS)],
    ['version 3', npy(F4, F4_NUMBERS, { version: [3, 0] })],
  ])('refuses %s by name', (_, bytes) => {
    expect(() => decodeNpy(bytes, 'matrix faces')).toThrow(expect.objectContaining({ code: 'SOURCE_UNSUPPORTED', message: expect.stringContaining('matrix faces') as string }) as Error)
  })

  it('refuses to write numbers that do not fill the matrix', () => {
    expect(() => encodeNpy({ rows: 2, columns: 2, data: new Float32Array(3) })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }) as Error)
  })

  it('throws nothing but coded errors, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, hasHead) => {
      const input = hasHead ? Buffer.concat([npy(F4, '').subarray(0, 12), bytes]) : bytes
      try {
        decodeNpy(input)
      } catch (error) {
        expect(error).toMatchObject({ name: 'BackupError' })
      }
    }))
  })
})
