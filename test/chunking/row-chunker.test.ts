import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { measureRows } from '../../src/chunking/row-average.ts'
import type { RowChunk } from '../../src/chunking/row-chunk.ts'
import { weigh } from '../../src/chunking/row-chunk.ts'
import { bitsFor, chunkHeapRows, chunkRows, largestRun, newCut } from '../../src/chunking/row-chunker.ts'
import type { RowBatch } from '../../src/chunking/row-splitter.ts'
import { splitRows } from '../../src/chunking/row-splitter.ts'
import { SipHash } from '../../src/chunking/sip-hash.ts'
import { seededBytes, splitInto, stream } from '../compliance/chunker.ts'
import { StoredValues } from './stored-values.ts'

const SEED = seededBytes(16, 'seed')
const LARGEST = 262_144

interface Row { readonly key: string, readonly text: string }
const rowOf = (key: number, length: number): Row => ({ key: String(key), text: `${key}\t${'x'.repeat(length)}\n` })

const batchesOf = (rows: readonly Row[], pieces: readonly number[] = [], stored = new StoredValues()): AsyncIterable<RowBatch> =>
  splitRows(stream(splitInto(Buffer.from(rows.map(({ text }) => text).join('')), pieces)), { keyColumns: 1, storeValue: stored.store })

const byNumber = (a: { bytes: Uint8Array, start: number, end: number }, b: typeof a): number => {
  const number = ({ bytes, start, end }: typeof a): number => Number(Buffer.from(bytes.subarray(start, end)).toString())
  return number(a) - number(b)
}
const chunk = async (rows: readonly Row[], bits: number, pieces: readonly number[] = [], largest?: number): Promise<RowChunk[]> =>
  await Array.fromAsync(chunkRows(batchesOf(rows, pieces), { bits, seed: SEED, largest, keyColumns: 1, compare: byNumber }))

/** The rule as the format says it: runs between borders, split at the least hash while they are too long. */
function referenceChunks (rows: readonly Row[], bits: number, largest = LARGEST): string[][] {
  const hash = new SipHash(SEED)
  const hashOf = ({ key }: Row): bigint => {
    const { high, low } = hash.of(Buffer.from(key))
    return BigInt(high) << 32n | BigInt(low)
  }
  const split = (run: readonly Row[]): string[][] => {
    const weight = run.reduce((sum, { text }) => sum + text.length, 0)
    if (weight <= largest || run.length === 1) return [run.map(({ key }) => key)]
    const candidates = run.slice(0, -1).map(hashOf)
    const least = candidates.indexOf(candidates.reduce((a, b) => b < a ? b : a))
    return [...split(run.slice(0, least + 1)), ...split(run.slice(least + 1))]
  }
  const chunks: string[][] = []
  let run: Row[] = []
  for (const row of rows) {
    run.push(row)
    if (hashOf(row) >= 1n << BigInt(64 - bits)) continue
    chunks.push(...split(run))
    run = []
  }
  return run.length > 0 ? [...chunks, ...split(run)] : chunks
}

const keysOf = (chunks: readonly RowChunk[]): string[][] =>
  chunks.map(({ bytes }) => Buffer.from(bytes).toString().trimEnd().split('\n').map(line => line.split('\t')[0]!))

describe('row chunker', () => {
  it('cuts as the format says, however the rows come', () => fc.assert(fc.asyncProperty(
    fc.array(fc.nat(200), { maxLength: 300 }), fc.integer({ min: 0, max: 7 }), fc.array(fc.nat(3_000), { maxLength: 8 }), async (lengths, bits, pieces) => {
      const rows = lengths.map((length, i) => rowOf(i, length))
      expect(keysOf(await chunk(rows, bits, pieces))).toEqual(referenceChunks(rows, bits))
    })))

  it('splits long runs at their least hashes', () => fc.assert(fc.asyncProperty(
    fc.array(fc.integer({ min: 1_000, max: 60_000 }), { minLength: 5, maxLength: 60 }), fc.constantFrom(4, 20), fc.integer({ min: 1, max: 1_000_000 }), fc.constantFrom(65_536, LARGEST, 524_288, undefined), async (lengths, bits, step, largest) => {
      const rows = lengths.map((length, i) => rowOf(i * step, length)) // other keys each time, so other hashes
      const chunks = await chunk(rows, bits, [], largest)
      expect(keysOf(chunks)).toEqual(referenceChunks(rows, bits, largest))
      expect(chunks.every(({ bytes, rows: count }) => bytes.length <= (largest ?? LARGEST) || count === 1)).toBe(true)
    }), { numRuns: 30 }))

  it('gives the same chunks when their memory is used again', () => fc.assert(fc.asyncProperty(
    fc.array(fc.nat(9_000), { minLength: 20, maxLength: 200 }), fc.constantFrom(3, 5, 20), fc.array(fc.nat(200_000), { maxLength: 6 }), fc.integer({ min: 0, max: 3 }), async (lengths, bits, pieces, atOnce) => {
      const rows = lengths.map((length, i) => rowOf(i, length))
      const whole = await chunk(rows, bits)
      const found: { text: string, key: Uint8Array }[] = []
      const open: RowChunk[] = []
      const settle = ({ bytes, key, release }: RowChunk): void => {
        found.push({ text: Buffer.from(bytes).toString(), key: key! })
        release?.()
      }
      for await (const next of chunkRows(batchesOf(rows, pieces), { bits, seed: SEED, keyColumns: 1, compare: byNumber })) {
        if (open.push(next) > atOnce) settle(open.shift()!)
      }
      open.forEach(settle)
      expect(found.map(({ text }) => text)).toEqual(whole.map(({ bytes }) => Buffer.from(bytes).toString()))
      expect(found.map(({ key }) => Buffer.from(key).toString())).toEqual(keysOf(whole).map(keys => keys[0]))
    }), { numRuns: 40 }))

  it('gives chunks that join to the rows and say what they hold', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => rowOf(i * 3, i % 90))
    const chunks = await chunk(rows, 6)
    expect(Buffer.concat(chunks.map(({ bytes }) => bytes)).toString()).toBe(rows.map(({ text }) => text).join(''))
    expect(chunks.reduce((sum, { rows: count }) => sum + count, 0)).toBe(rows.length)
    expect(chunks.map(({ key }) => Buffer.from(key!).toString())).toEqual(keysOf(chunks).map(keys => keys[0]))
    expect(chunks.every(({ sizeBytes, bytes }) => sizeBytes === bytes.length)).toBe(true)
    expect(chunks.length).toBeGreaterThan(40)
  })

  it('moves no border when rows are updated, and only near ones when they come or go', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => rowOf(i * 2, i % 150))
    const before = new Set((await chunk(rows, 8)).map(({ key }) => Buffer.from(key!).toString()))
    const updated = rows.map((row, i) => i % 97 === 0 ? { ...row, text: row.text.replace('\n', 'updated\n') } : row)
    expect(new Set((await chunk(updated, 8)).map(({ key }) => Buffer.from(key!).toString()))).toEqual(before)
    const edited = [...rows.slice(0, 10_000), rowOf(19_999, 10), ...rows.slice(10_001)]
    const after = (await chunk(edited, 8)).map(({ key }) => Buffer.from(key!).toString())
    expect(after.filter(key => !before.has(key)).length).toBeLessThanOrEqual(2)
  })

  it('keeps nothing of a piece that its source uses again', async () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => rowOf(i * 7, i % 40))
    const text = Buffer.from(rows.map(row => row.text).join(''))
    const reused = Buffer.alloc(1_000)
    const source = (async function * () {
      for (let at = 0; at < text.length; at += reused.length) {
        const part = text.subarray(at, at + reused.length)
        reused.fill(0).set(part)
        yield reused.subarray(0, part.length)
      }
    })()
    const batches = splitRows(source, { keyColumns: 1, storeValue: new StoredValues().store })
    const chunks = await Array.fromAsync(chunkRows(batches, { bits: 5, seed: SEED, keyColumns: 1, compare: byNumber }))
    expect(keysOf(chunks)).toEqual(referenceChunks(rows, 5))
    expect(Buffer.concat(chunks.map(({ bytes }) => bytes)).equals(text)).toBe(true)
  })

  it('counts a value out of line as 64 bytes, and its whole length in the size', async () => {
    const stored = new StoredValues()
    const rows = Array.from({ length: 30 }, (_, i) => rowOf(i, 70_000))
    const [only, ...more] = await Array.fromAsync(chunkRows(batchesOf(rows, [], stored), { bits: 20, seed: SEED, keyColumns: 1, compare: byNumber }))
    expect(more).toEqual([])
    expect(only!.sizeBytes).toBe(rows.reduce((sum, { text }) => sum + text.length, 0))
    expect(only!.values).toEqual([...stored.values.keys()])
    expect(only!.values).toHaveLength(1) // all of them are the same
    expect(weigh([{ text: 'cid', length: 70_000 }, { text: 'other', length: 5 }])).toEqual({ weight: 128 - '\\@cid:70000\\@other:5'.length, size: 70_005 - '\\@cid:70000\\@other:5'.length })
  })

  it('ends a run at 8 MiB, so that one without borders is not held', async () => {
    const rows = Array.from({ length: 400 }, (_, i) => rowOf(i, 50_000)) // 20 MB
    const chunks = await chunk(rows, 20)
    const once = Math.ceil(8 * 1024 * 1024 / rows[399]!.text.length)
    expect(keysOf(chunks).map(keys => keys[0])).toContain(String(once))
    expect(chunks.every(({ bytes }) => bytes.length <= LARGEST)).toBe(true)
  })

  it.each([['the same key twice', [1, 2, 2]], ['a key too small', [1, 3, 2]]])('refuses %s, and names it', async (_, keys) => {
    const rows = keys.map(key => rowOf(key, 5))
    for (const pieces of [[], Array<number>(20).fill(8)]) {
      await expect(chunk(rows, 4, pieces)).rejects.toThrow(expect.objectContaining({ code: 'NODE_INVALID', data: { before: String(keys[1]), after: '2' } }))
    }
  })

  it('chooses chunks of about 128 KiB, and which runs are too long for one', () => {
    expect([1, 100, 128, 131_072, 1_000_000, 0].map(bitsFor)).toEqual([17, 10, 10, 0, 0, 17])
    expect(newCut(100, SEED)).toEqual({ bits: 10, seed: SEED, largest: 524_288 })
    expect(largestRun({ bits: 10, seed: SEED })).toBe(262_144)
  })
})

describe('chunker of rows without a key', () => {
  const SIZES = { min: 256, average: 1_024, max: 4_096 }
  const rows = Array.from({ length: 3_000 }, (_, i) => ({ key: '', text: `${seededBytes(i % 60, String(i)).toString('base64')}\n` }))
  const heap = async (pieces: readonly number[]): Promise<RowChunk[]> => await Array.fromAsync(chunkHeapRows(batchesOf(rows, pieces), SIZES))

  it('joins back, cuts at row ends, and the same however the rows come', async () => {
    const whole = await heap([])
    expect(Buffer.concat(whole.map(({ bytes }) => bytes)).toString()).toBe(rows.map(({ text }) => text).join(''))
    expect(whole.every(({ bytes, key }) => bytes.at(-1) === 10 && key === undefined)).toBe(true)
    expect(whole.length).toBeGreaterThan(50)
    await fc.assert(fc.asyncProperty(fc.array(fc.nat(20_000), { maxLength: 10 }), async pieces => {
      expect((await heap(pieces)).map(({ bytes }) => bytes.length)).toEqual(whole.map(({ bytes }) => bytes.length))
    }), { numRuns: 20 })
  })

  it('gives nothing for nothing', async () => {
    expect(await Array.fromAsync(chunkHeapRows(batchesOf([]), SIZES))).toEqual([])
  })
})

describe('average of rows', () => {
  it('is that of the first 1 MiB, however the rows come, and gives them all', async () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => rowOf(i, i < 15_000 ? 93 : 400))
    const measure = async (pieces: readonly number[]): Promise<number> => {
      const { averageRowBytes, batches } = await measureRows(batchesOf(rows, pieces))
      const text = await Array.fromAsync(batches, ({ bytes }) => Buffer.from(bytes))
      expect(Buffer.concat(text).toString()).toBe(rows.map(row => row.text).join(''))
      return averageRowBytes
    }
    const whole = await measure([])
    expect(whole).toBeGreaterThan(95)
    expect(whole).toBeLessThan(105)
    expect(await measure(Array<number>(500).fill(7_777))).toBe(whole)
  })

  it('is 0 for no rows', async () => {
    expect((await measureRows(batchesOf([]))).averageRowBytes).toBe(0)
  })
})
