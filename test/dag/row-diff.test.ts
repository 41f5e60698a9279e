import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredRows } from '../../src/dag/content.ts'
import { storeContent } from '../../src/dag/content.ts'
import { countRowChanges, diffRows } from '../../src/dag/diff.ts'
import type { RowChange } from '../../src/dag/diff.ts'
import type { RowContent } from '../../src/sources/source.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { contextOf, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const store = async (content: RowContent, blobs: MemoryBlobs, previous?: StoredRows): Promise<StoredRows> =>
  (await storeContent(content, contextOf(blobs), previous)).content as StoredRows

const lineOf = (row: Uint8Array): string => Buffer.from(row).toString().replace(/\n$/, '')
const readable = ({ change, key, before, after }: RowChange): unknown => [change, key, before && lineOf(before), after && lineOf(after)]

/** Rows by their keys; what differs, in the order of the keys. */
function naiveDiff (before: ReadonlyMap<number, string>, after: ReadonlyMap<number, string>): unknown[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b).flatMap(id => {
    const [old, now] = [before.get(id), after.get(id)].map(text => text === undefined ? undefined : `${id}\t${text}`)
    return old === now ? [] : [[old === undefined ? 'added' : now === undefined ? 'removed' : 'changed', [String(id)], old, now]]
  })
}
const linesOf = (rows: ReadonlyMap<number, string>): string[] => [...rows].sort(([a], [b]) => a - b).map(([id, text]) => `${id}\t${text}`)

const tables = fc.array(fc.tuple(fc.integer({ min: -500, max: 500 }), fc.constantFrom('', 'a', 'b', 'x'.repeat(2_000))), { maxLength: 200 })

describe('difference of rows with a key', () => {
  it('is what a comparison of all rows gives, whatever the cut rules', () => fc.assert(fc.asyncProperty(
    tables, tables, fc.constantFrom(100, 2_000), fc.constantFrom(100, 2_000), async (one, two, oneAverage, twoAverage) => {
      const [before, after] = [new Map(one), new Map([...one.slice(0, 150), ...two])]
      const blobs = new MemoryBlobs()
      const [a, b] = [await store(tableOf(linesOf(before), { averageRowBytes: oneAverage }), blobs), await store(tableOf(linesOf(after), { averageRowBytes: twoAverage }), blobs)]
      const changes = await Array.fromAsync(diffRows(a, b, blobs))
      expect(changes.map(readable)).toEqual(naiveDiff(before, after))
      const count = (kind: string): number => changes.filter(({ change }) => change === kind).length
      expect(await countRowChanges(a, b, blobs)).toEqual({ added: count('added'), removed: count('removed'), changed: count('changed') })
    }), { numRuns: 60 }))

  const rows = new Map(Array.from({ length: 30_000 }, (_, id) => [id, seededBytes(id % 70, String(id)).toString('hex')] as const))

  it('reads only what is not in both', async () => {
    const blobs = new MemoryBlobs()
    const a = await store(tableOf(linesOf(rows)), blobs)
    const after = new Map([...rows, [100, 'changed'], [15_000, 'changed'], [40_000, 'new']])
    after.delete(20_000)
    const b = await store(tableOf(linesOf(after)), blobs, a)
    blobs.settle()
    expect((await Array.fromAsync(diffRows(a, b, blobs))).map(readable)).toEqual(naiveDiff(rows, after))
    expect(blobs.gets.length).toBeLessThan(24)
    blobs.settle()
    expect(await Array.fromAsync(diffRows(a, a, blobs))).toEqual([])
    expect(blobs.gets).toHaveLength(2) // the roots
  })

  it('finds its way again behind rows that came or went in numbers', async () => {
    const blobs = new MemoryBlobs()
    const a = await store(tableOf(linesOf(rows)), blobs)
    const after = new Map([...rows].filter(([id]) => id < 5_000 || id > 9_000))
    const b = await store(tableOf(linesOf(after)), blobs, a)
    blobs.settle()
    expect(await countRowChanges(a, b, blobs)).toEqual({ added: 0, removed: 4_001, changed: 0 })
    expect(await countRowChanges(b, a, blobs)).toEqual({ added: 4_001, removed: 0, changed: 0 })
    expect(blobs.gets.length).toBeLessThan(40)
  })

  it('compares by an enum that has got labels', async () => {
    const blobs = new MemoryBlobs()
    const of = async (lines: string[], labels: string[]): Promise<StoredRows> => await store(tableOf(lines, { key: [{ order: 'enum', labels }] }), blobs)
    const a = await of(['low\t1', 'high\t2'], ['low', 'high'])
    const b = await of(['low\t1', 'middle\t5', 'high\t3'], ['low', 'middle', 'high'])
    expect((await Array.fromAsync(diffRows(a, b, blobs))).map(readable)).toEqual([['added', ['middle'], undefined, 'middle\t5'], ['changed', ['high'], 'high\t2', 'high\t3']])
    expect(() => diffRows(a, { ...b, key: [{ order: 'bytes' }] }, blobs)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('gives keys as they are, and long values as references', async () => {
    const blobs = new MemoryBlobs()
    const of = async (lines: string[]): Promise<StoredRows> => await store(tableOf(lines, { key: [{ order: 'bytes' }, { order: 'integer' }] }), blobs)
    const changes = await Array.fromAsync(diffRows(await of([]), await of([`a\\tb\t1\t${'v'.repeat(70_000)}`]), blobs))
    expect(changes[0]!.key).toEqual(['a\tb', '1'])
    expect(Buffer.from(changes[0]!.after!).toString()).toMatch(/^a\\tb\t1\t\\@baf[a-z2-7]+:70000\n$/)
  })
})

describe('difference of rows without a key', () => {
  const heap = (lines: readonly string[]): RowContent => tableOf(lines, { key: [], columns: ['a'] })

  it('is that of the multisets', () => fc.assert(fc.asyncProperty(
    fc.array(fc.constantFrom('a', 'b', 'c', 'x'.repeat(3_000)), { maxLength: 60 }), fc.array(fc.constantFrom('a', 'b', 'd'), { maxLength: 60 }), async (before, after) => {
      const blobs = new MemoryBlobs()
      const changes = await Array.fromAsync(diffRows(await store(heap(before), blobs), await store(heap(after), blobs), blobs))
      const surplus = new Map<string, number>()
      for (const line of before) surplus.set(line, (surplus.get(line) ?? 0) - 1)
      for (const line of after) surplus.set(line, (surplus.get(line) ?? 0) + 1)
      const wanted = [...surplus].flatMap(([line, count]) => Array<string>(Math.abs(count)).fill(`${count > 0 ? 'added' : 'removed'} ${line}`))
      expect(changes.map(({ change, before: old, after: now }) => `${change} ${lineOf((now ?? old)!)}`).sort()).toEqual(wanted.sort())
    }), { numRuns: 50 }))

  it('reads only chunks that are not in both, wherever they stand', async () => {
    const blobs = new MemoryBlobs()
    const lines = Array.from({ length: 20_000 }, (_, i) => seededBytes(30, `heap ${i}`).toString('hex'))
    const a = await store(heap(lines), blobs)
    const b = await store(heap(['first', ...lines.slice(0, 9_000), ...lines.slice(9_001)]), blobs)
    blobs.settle()
    expect(await countRowChanges(a, b, blobs)).toEqual({ added: 1, removed: 1, changed: 0 })
    expect(new Set(blobs.gets).size).toBeLessThan(40) // the blocks of both trees, and about four chunks of 300
  })
})
