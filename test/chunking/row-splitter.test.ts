import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitRows } from '../../src/chunking/row-splitter.ts'
import { expandRows, findReference, parseReference } from '../../src/chunking/value-reference.ts'
import { bytesOf } from '../../src/stream.ts'
import { splitInto, stream } from '../compliance/chunker.ts'
import { rowsOf, StoredValues } from './stored-values.ts'

const KIB = 1_024
const row = (...values: (string | number)[]): string => `${values.map(value => typeof value === 'number' ? 'v'.repeat(value) : value).join('\t')}\n`

async function split (text: string, { keyColumns = 1, pieces = [] as readonly number[] } = {}): Promise<{ rows: string[], stored: StoredValues, expanded: string }> {
  const stored = new StoredValues()
  const rows = await rowsOf(splitRows(stream(splitInto(Buffer.from(text), pieces)), { keyColumns, storeValue: stored.store }))
  const expanded = await Promise.all(rows.map(async ({ bytes }) => Buffer.concat(await Array.fromAsync(expandRows(bytes, { readValue: stored.read })))))
  return { rows: rows.map(({ bytes }) => Buffer.from(bytes).toString()), stored, expanded: Buffer.concat(expanded).toString() }
}

describe('row splitter', () => {
  it('gives whole rows as they stand', async () => {
    expect((await split('')).rows).toEqual([])
    expect((await split('1\ta\n2\t\\N\n\n')).rows).toEqual(['1\ta\n', '2\t\\N\n', '\n'])
  })

  it.each([
    ['a row of exactly 64 KiB', row('1', 64 * KIB - 3), 0],
    ['a longer row of short values', row('1', 40 * KIB, 40 * KIB), 0],
    ['a value of exactly 64 KiB', row('1', 64 * KIB), 0],
    ['a value of one byte more', row('1', 64 * KIB + 1), 1],
    ['long values at the end, in the middle and one after the other', row('1', 100 * KIB, 'x', 200 * KIB, 300 * KIB), 3],
  ])('puts values over 64 KiB out of line: %s', async (_, text, references) => {
    const { rows, stored, expanded } = await split(row('0', 'before') + text + row('9', 'after'))
    expect(rows).toHaveLength(3)
    expect(rows[1]!.match(/\\@[0-9a-f]{64}:[0-9]+/g) ?? []).toHaveLength(references)
    expect(stored.places.map(({ key }) => key)).toEqual(Array(references).fill('1'))
    expect(expanded).toBe(row('0', 'before') + text + row('9', 'after'))
  })

  it('says at which key and column a value stands', async () => {
    const { stored } = await split(row('a', 'b', 70 * KIB, 'c', 80 * KIB), { keyColumns: 2 })
    expect(stored.places).toEqual([{ key: 'a\tb', column: 2 }, { key: 'a\tb', column: 4 }])
  })

  it('splits the same, however the input comes', async () => {
    const text = row('1', 'x') + row('2', 70 * KIB, 'y', 1) + row('3', 30 * KIB, 36 * KIB) + row('4') + row('5', 66 * KIB, 66 * KIB) + row('6', 'z')
    const whole = await split(text)
    await fc.assert(fc.asyncProperty(fc.array(fc.oneof(fc.nat(10), fc.nat(5_000), fc.nat(100 * KIB)), { maxLength: 60 }), async pieces => {
      expect((await split(text, { pieces })).rows).toEqual(whole.rows)
    }), { numRuns: 60 })
    expect(whole.expanded).toBe(text)
  })

  it('puts rows back together from any values', () => fc.assert(fc.asyncProperty(
    fc.array(fc.tuple(fc.string(), fc.constantFrom('', '\\\\@x:1', '\\N', 'v'.repeat(65 * KIB)), fc.constantFrom('\\\\', '@', '\\\\@')), { maxLength: 8 }), async values => {
      const text = values.map(([key, ...rest]) => row(key.replaceAll(/[\\\t\n\r]/g, ''), ...rest)).join('')
      expect((await split(text)).expanded).toBe(text)
    }), { numRuns: 40 }))

  it('holds no more than 1 MiB and short values of a row with very many long ones', async () => {
    const text = row('1', ...Array<number>(400).fill(60 * KIB))
    const { rows, expanded, stored } = await split(text)
    expect(rows[0]!.length).toBeLessThan(1_200_000)
    expect(stored.places.length).toBeGreaterThan(380)
    expect(expanded).toBe(text)
  })

  it('streams a value without holding it', async () => {
    const piece = Buffer.alloc(64 * KIB, 'v')
    let largest = 0
    const source = (async function * () {
      yield Buffer.from('1\t')
      for (let i = 0; i < 3_000; i++) yield piece // 200 MB
      yield Buffer.from('\n')
    })()
    const before = process.memoryUsage().rss
    const storeValue = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => {
      for await (const _ of bytes) largest = Math.max(largest, process.memoryUsage.rss() - before)
      return 'far-away'
    }
    const [only] = await rowsOf(splitRows(source, { keyColumns: 1, storeValue }))
    expect(Buffer.from(only!.bytes).toString()).toBe(`1\t\\@far-away:${3_000 * 64 * KIB}\n`)
    expect(only!.values).toEqual([{ text: 'far-away', length: 3_000 * 64 * KIB }])
    expect(largest).toBeLessThan(100_000_000)
  })

  it.each([['in a short row', '1\ta\n2\tb'], ['in a long row', `1\t${'v'.repeat(70_000)}\t`], ['in a long value', `1\t${'v'.repeat(70_000)}`]])('refuses a stream that ends %s', async (_, text) => {
    await expect(split(text)).rejects.toThrow(expect.objectContaining({ code: 'SOURCE_FAILED' }))
  })

  it('refuses a key of more than 64 KiB', async () => {
    await expect(split(row('1', 70 * KIB, 'x'), { keyColumns: 2 })).rejects.toThrow(expect.objectContaining({ code: 'ROW_TOO_LARGE' }))
    await expect(split(row(40 * KIB, 40 * KIB, 'x'), { keyColumns: 2 })).rejects.toThrow(expect.objectContaining({ code: 'ROW_TOO_LARGE' }))
  })

  it('stops when it is told to, and closes its source', async () => {
    const controller = new AbortController()
    let closed = false
    const source = (async function * () {
      try {
        for (;;) yield Buffer.from('1\n')
      } finally {
        closed = true
      }
    })()
    const reading = (async () => {
      for await (const _ of splitRows(source, { keyColumns: 1, storeValue: async () => '', signal: controller.signal })) controller.abort(new Error('enough'))
    })()
    await expect(reading).rejects.toThrow('enough')
    expect(closed).toBe(true)
  })
})

describe('references', () => {
  it('are found only where they fill a value', () => {
    const text = Buffer.from('a\\\\@b\t\\\\@c:1\n\\@d:2\tx\n')
    const at = findReference(text)
    expect(text.subarray(at, at + 5).toString()).toBe('\\@d:2')
    expect(findReference(text, at + 1)).toBe(-1)
    expect(findReference(Buffer.from('\\\\@c:1\n'))).toBe(-1)
  })

  it('are refused when they are broken', () => {
    expect(parseReference(Buffer.from('plain'))).toBeUndefined()
    expect(parseReference(Buffer.from('\\@cid:12'))).toEqual({ text: 'cid', length: 12 })
    for (const broken of ['\\@cid', '\\@cid:', '\\@cid:01', '\\@cid:-1', '\\@:1', '\\@cid:1x']) {
      expect(() => parseReference(Buffer.from(broken)), broken).toThrow(expect.objectContaining({ code: 'TREE_INVALID' }))
    }
  })

  it('must lead to a value of their length', async () => {
    const expanding = Array.fromAsync(expandRows(Buffer.from('1\t\\@x:4\n'), { readValue: () => bytesOf('five!') }))
    await expect(expanding).rejects.toThrow(expect.objectContaining({ code: 'TREE_INVALID' }))
  })
})
