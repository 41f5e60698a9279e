import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DigestSorterOptions } from '../../src/dag/digest-sorter.ts'
import { DigestSorter } from '../../src/dag/digest-sorter.ts'
import { MultisetHash } from '../../src/dag/multiset-hash.ts'
import type { RowBatch } from '../../src/chunking/row-splitter.ts'
import { seededBytes } from '../compliance/chunker.ts'

interface Pair { readonly digest: string, readonly payload: string }

async function sort (records: readonly Pair[], options: DigestSorterOptions = {}): Promise<Pair[]> {
  await using sorter = new DigestSorter(options)
  for (const { digest, payload } of records) await sorter.add(Buffer.from(digest, 'hex'), Buffer.from(payload))
  const sorted: Pair[] = []
  for await (const group of sorter.sorted()) for (const { digest, payload } of group) sorted.push({ digest: Buffer.from(digest).toString('hex'), payload: Buffer.from(payload).toString() })
  return sorted
}

const ascending = (a: Pair, b: Pair): number => a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : a.payload < b.payload ? -1 : a.payload > b.payload ? 1 : 0
const temporaryFolders = (): string[] => readdirSync(tmpdir()).filter(name => name.startsWith('caf-sort-'))

// Few different beginnings, so that equal ones and those equal in their first 32 or 48 bits come often.
const record = fc.record({
  digest: fc.tuple(fc.constantFrom('00000000', 'ffffffff', '00000001'), fc.constantFrom('0000', 'ffff'), fc.nat(3)).map(([a, b, c]) => (a + b).padEnd(62, '0') + c.toString(16).padStart(2, '0')),
  payload: fc.string({ maxLength: 20 }),
})

describe('digest sorter', () => {
  it('sorts, in memory and through files alike', () => fc.assert(fc.asyncProperty(
    fc.array(record, { maxLength: 60 }), fc.constantFrom({}, { memoryBytes: 1 }, { memoryBytes: 200, fanIn: 2 }, { memoryBytes: 300, fanIn: 4 }), async (records, options) => {
      const sorted = await sort(records, options)
      expect(sorted.map(({ digest }) => digest)).toEqual(records.map(({ digest }) => digest).sort())
      expect(sorted.toSorted(ascending)).toEqual(records.map(({ digest, payload }) => ({ digest, payload: Buffer.from(payload).toString() })).sort(ascending))
    }), { numRuns: 60 }))

  it('carries payloads longer than what it reads at once', async () => {
    const records = Array.from({ length: 6 }, (_, i) => ({ digest: seededBytes(32, String(i)).toString('hex'), payload: String(i).repeat(200_000) }))
    expect(await sort(records, { memoryBytes: 300_000 })).toEqual(records.toSorted(ascending))
  })

  it('leaves no files, also when it is left in the middle', async () => {
    const before = temporaryFolders()
    {
      await using sorter = new DigestSorter({ memoryBytes: 100 })
      for (let i = 0; i < 100; i++) await sorter.add(seededBytes(32, String(i)))
      expect(temporaryFolders().length).toBeGreaterThan(before.length)
      for await (const _ of sorter.sorted()) break
    }
    expect(temporaryFolders().filter(name => !before.includes(name))).toEqual([])
  })
})

describe('multiset hash', () => {
  const batch = (rows: readonly string[]): RowBatch => {
    const bytes = Buffer.from(rows.join(''))
    let end = 0
    return { bytes, ends: rows.map(row => end += row.length), values: [] }
  }
  const hashOf = async (rows: readonly string[], options: DigestSorterOptions = {}): Promise<string> => {
    await using multiset = new MultisetHash(options)
    for await (const passed of multiset.passing((async function * () { yield batch(rows) })())) expect(passed.ends).toHaveLength(rows.length)
    return await multiset.digest()
  }
  const row = fc.constantFrom('a\n', 'b\n', 'c\t1\n', '\n')

  it('is that of the format', () => fc.assert(fc.asyncProperty(fc.array(row), async rows => {
    const counts = new Map<string, bigint>()
    for (const text of rows) {
      const digest = createHash('sha256').update(text).digest('hex')
      counts.set(digest, (counts.get(digest) ?? 0n) + 1n)
    }
    const wanted = createHash('sha256')
    for (const [digest, count] of [...counts].sort()) wanted.update(Buffer.from(digest + count.toString(16).padStart(16, '0'), 'hex'))
    expect(await hashOf(rows)).toBe(wanted.digest('hex'))
  })))

  it('is the same in any order, and through files', () => fc.assert(fc.asyncProperty(
    fc.array(row).chain(rows => fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows, { minLength: rows.length }))), async ([rows, shuffled]) => {
      expect(await hashOf(shuffled, { memoryBytes: 80, fanIn: 2 })).toBe(await hashOf(rows))
    }), { numRuns: 40 }))

  it('tells how often a row is there', async () => {
    expect(await hashOf(['a\n', 'a\n'])).not.toBe(await hashOf(['a\n']))
    expect(await hashOf(['a\n', 'b\n', 'b\n'])).not.toBe(await hashOf(['a\n', 'a\n', 'b\n']))
  })
})
