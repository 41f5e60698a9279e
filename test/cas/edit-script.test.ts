import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CopiedSpan } from '../../src/cas/blob-store.ts'
import { applyScript, encodeScript } from '../../src/cas/edit-script.ts'
import { compress } from '../../src/cas/zstd.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'

/** Goes on in the base: some of it is left out, other bytes are put in, and what follows is taken over. */
interface Edit {
  readonly skip: number
  readonly insert: Uint8Array
  readonly copy: number
}

interface Edited {
  readonly base: Buffer
  readonly bytes: Buffer
  readonly copies: readonly CopiedSpan[]
}

function edited (base: Buffer, edits: readonly Edit[], end: Uint8Array = new Uint8Array()): Edited {
  const pieces: Uint8Array[] = []
  const copies: CopiedSpan[] = []
  let [at, from] = [0, 0]
  for (const { skip, insert, copy } of edits) {
    from = Math.min(from + skip, base.length)
    const length = Math.min(copy, base.length - from)
    pieces.push(insert, base.subarray(from, from + length))
    at += insert.length
    if (length > 0) copies.push({ at, from, length })
    at += length
    from += length
  }
  return { base, bytes: Buffer.concat([...pieces, end]), copies }
}

const rows = seededRows(400, 'rows')
const text = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: length })
const edit = fc.record({ skip: fc.nat(300), insert: fc.oneof(fc.constant(new Uint8Array()), text(60)), copy: fc.oneof(fc.nat(200), fc.nat(20_000)) })
const someEdits = fc.tuple(fc.array(edit, { maxLength: 30 }), text(30)).map(([edits, end]) => edited(rows, edits, end))
const one = edited(rows, [{ skip: 0, insert: Buffer.alloc(0), copy: 5000 }, { skip: 70, insert: Buffer.from('a row in place of another\n'), copy: 9000 }], Buffer.from('the end\n'))
const script = encodeScript(one.bytes, one.base, one.copies)!
/** A script of these numbers, and a frame of so many bytes if there are any. */
const scriptOf = (numbers: readonly number[], frame = 0): Buffer => Buffer.concat([varints(numbers), frame === 0 ? Buffer.alloc(0) : compress(Buffer.alloc(frame, 'x'))])

function varints (numbers: readonly number[]): Buffer {
  return Buffer.from(numbers.flatMap(number => {
    const bytes: number[] = []
    for (; number >= 128; number = Math.floor(number / 128)) bytes.push(number % 128 + 128)
    return [...bytes, number]
  }))
}

describe('a script', () => {
  it('makes the bytes of their base again', () => {
    fc.assert(fc.property(someEdits, ({ bytes, base, copies }) => {
      const made = encodeScript(bytes, base, copies)
      if (made === undefined) expect(bytes.length - copies.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(bytes.length / 4)
      else expect(Buffer.compare(applyScript(made, base, bytes.length), bytes)).toBe(0)
    }), { numRuns: 500 })
  })

  it('is applied to a base in shared memory', () => {
    const shared = Buffer.from(new SharedArrayBuffer(one.base.length)).fill(one.base)
    expect(Buffer.compare(applyScript(script, shared, one.bytes.length), one.bytes)).toBe(0)
  })

  it('takes little more than what is new, and that in terms of what it replaces', () => {
    const row = rows.subarray(rows.indexOf('\n100\t') + 1, rows.indexOf('\n101\t') + 1)
    const revised = Buffer.from(row.toString().replace('2026-11-21', '2026-11-22 revised'))
    const { bytes, copies } = edited(rows, [{ skip: 0, insert: Buffer.alloc(0), copy: rows.indexOf(row) }, { skip: row.length, insert: revised, copy: rows.length }])
    expect(encodeScript(bytes, rows, copies)!.length).toBeLessThan(45)
    const less = edited(rows, [{ skip: 0, insert: Buffer.alloc(0), copy: 1000 }, { skip: 50, insert: Buffer.alloc(0), copy: 1000 }])
    expect([...encodeScript(less.bytes, rows, less.copies)!]).toEqual([...varints([2, 0, 0, 1000, 50, 0, 1000])])
  })

  it.each<[string, readonly CopiedSpan[]]>([
    ['it takes over other bytes', [{ at: 0, from: 1, length: 5000 }]],
    ['something in the middle is other', [{ at: 0, from: 0, length: 6000 }]],
    ['it goes back', [one.copies[1]!, one.copies[0]!]],
    ['it reaches behind the base', [{ at: 0, from: 0, length: 5000 }, { at: one.copies[1]!.at, from: rows.length - 10, length: 9000 }]],
    ['it reaches behind the bytes', [{ at: 0, from: 0, length: rows.length }]],
    ['nothing is taken over', []],
  ])('is not made when %s', (_, copies) => {
    expect(encodeScript(one.bytes, one.base, copies)).toBeUndefined()
  })

  it('is not made when as much is said to be missing of both', () => {
    expect(encodeScript(rows, rows, [{ at: 0, from: 0, length: rows.length }])).toBeDefined()
    expect(encodeScript(rows, rows, [{ at: 0, from: 0, length: rows.length + 1 }])).toBeUndefined()
  })

  it('gives an error or other bytes when it is damaged, and never more of them', () => {
    for (let i = 0; i < script.length; i++) {
      for (const bit of [1, 4, 64, 128]) {
        const damaged = Buffer.from(script)
        damaged[i]! ^= bit
        expect(lengthOf(damaged), `byte ${i}, bit ${bit}`).toBeOneOf(['an error', one.bytes.length])
      }
      expect(lengthOf(script.subarray(0, i)), `${i} bytes`).toBe('an error')
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(100), (bytes, plain) => {
      expect(lengthOf(Buffer.from(bytes), plain)).toBeOneOf(['an error', plain])
    }), { numRuns: 2000 })
  })

  it.each<[string, Buffer, number]>([
    ['reaches behind its base', scriptOf([1, 0, 0, rows.length + 1]), rows.length + 1],
    ['leaves out more than its base has', scriptOf([1, rows.length + 1, 5, 0], 5), 5],
    ['makes less', scriptOf([1, 0, 0, 99]), 100],
    ['makes more', scriptOf([2, 0, 0, 60, 0, 0, 60]), 100],
    ['inserts less than it says', scriptOf([1, 0, 10, 90], 9), 100],
    ['inserts more than it says', scriptOf([1, 0, 10, 90], 11), 100],
    ['inserts nothing, and goes on', scriptOf([1, 0, 0, 100], 10), 100],
    ['has 65,537 steps', scriptOf([65_537, ...new Array<number>(65_537 * 3).fill(0)]), 0],
    ['says that it has 2²⁸ − 1 steps', Buffer.from([0xff, 0xff, 0xff, 0x7f]), 0],
    ['has a number of five bytes', Buffer.from([0x81, 0x80, 0x80, 0x80, 0x00, 0, 0, 0]), 0],
  ])('is refused when it %s', (_, bytes, plain) => {
    expect(lengthOf(bytes, plain)).toBe('an error')
  })

  it('of many steps is another kind of delta', () => {
    const base = seededBytes(1_000_000, 'many')
    const many = (steps: number): Edited => edited(base, Array.from({ length: steps }, () => ({ skip: 1, insert: Buffer.alloc(0), copy: 10 })))
    const most = many(65_536)
    expect(Buffer.compare(applyScript(encodeScript(most.bytes, base, most.copies)!, base, most.bytes.length), most.bytes)).toBe(0)
    const { bytes, copies } = many(65_537)
    expect(encodeScript(bytes, base, copies)).toBeUndefined()
  })

  /** Of what a script makes of the rows. */
  function lengthOf (bytes: Uint8Array, plain = one.bytes.length): number | string {
    try {
      return applyScript(bytes, rows, plain).length
    } catch {
      return 'an error'
    }
  }
})
