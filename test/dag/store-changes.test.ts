import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../../src/dag/block.ts'
import type { StoreResult } from '../../src/dag/content.ts'
import { storeContent } from '../../src/dag/content.ts'
import { readRowChunks } from '../../src/dag/read-content.ts'
import type { RowContent } from '../../src/sources/source.ts'
import { seededBytes, splitInto, stream } from '../compliance/chunker.ts'
import type { RowCut } from '../../src/chunking/row-chunker.ts'
import { contextOf, SEED, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

type Table = ReadonlyMap<number, string>

const lineOf = (id: number, text: string): string => `${id}\t${text}`
const linesOf = (table: Table): string[] => [...table].sort(([a], [b]) => a - b).map(([id, text]) => lineOf(id, text))
const bytesOf = (lines: readonly string[]): Buffer => Buffer.from(lines.map(line => `${line}\n`).join(''))

interface Told {
  readonly keys: readonly string[]
  readonly rows: readonly string[]
  /** Told instead of the keys, unless these are asked for. */
  readonly count?: number | undefined
}

/** The table as a source tells of it that knows what changed; `reads` counts how it was read. */
function changing (now: Table, { keys, rows, count }: Told, pieces: readonly number[] = []): { content: RowContent, reads: string[] } {
  const reads: string[] = []
  const whole = tableOf(linesOf(now), { pieces })
  const streamOf = (lines: readonly string[]): AsyncIterable<Uint8Array> => stream(splitInto(bytesOf(lines), pieces))
  return {
    reads,
    content: {
      ...whole,
      read: () => {
        reads.push('whole')
        return whole.read()
      },
      changes: async ({ withKeys } = {}) => {
        const close = async (): Promise<void> => { reads.push('closed') }
        if (count !== undefined && withKeys !== true) {
          reads.push('changes')
          return { count, rows: streamOf(rows), close }
        }
        reads.push('changes and keys')
        return { keys: streamOf(keys), rows: streamOf(rows), close }
      },
    },
  }
}

/** What a source tells: of rows that are the same it may tell too. */
function toldOf (before: Table, now: Table, { also = new Set(), counts = false }: { readonly also?: ReadonlySet<number>, readonly counts?: boolean } = {}): Told {
  const sorted = [...now].sort(([a], [b]) => a - b)
  return {
    keys: sorted.map(([id]) => String(id)), rows: sorted.filter(([id, text]) => before.get(id) !== text || also.has(id)).map(([id, text]) => lineOf(id, text)),
    ...(counts && { count: now.size }),
  }
}

const stored = async (content: RowContent, blobs: MemoryBlobs, previous?: StoreResult): Promise<StoreResult> => await storeContent(content, contextOf(blobs), previous?.content)

/** A first version, cut by that rule. */
async function parentOf (table: Table, blobs: MemoryBlobs, cut: Omit<RowCut, 'seed'> = { bits: 3 }): Promise<StoreResult> {
  const { content } = await stored(tableOf(linesOf(table)), new MemoryBlobs())
  if (content.form !== 'rows') throw new Error('stored as something else')
  return await storeContent(tableOf(linesOf(table)), contextOf(blobs), { ...content, cut: { seed: SEED, ...cut } })
}

const id = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -40, max: 400 }) }, { weight: 1, arbitrary: fc.integer({ min: 100, max: 130 }) })
const text = fc.oneof({ weight: 20, arbitrary: fc.string({ unit: fc.constantFrom('a', 'ü', '\\t', '\\\\@'), maxLength: 30 }) }, { weight: 3, arbitrary: fc.nat(9).map(n => seededBytes(150, String(n)).toString('hex')) },
  { weight: 1, arbitrary: fc.nat(3).map(n => seededBytes(900, String(n)).toString('hex')) })
const longText = fc.oneof({ weight: 20, arbitrary: text }, { weight: 1, arbitrary: fc.nat(3).map(n => seededBytes(40_000, String(n)).toString('hex')) })
const tableOfTexts = (value: fc.Arbitrary<string>): fc.Arbitrary<Table> => fc.uniqueArray(fc.tuple(id, value), { minLength: 1, maxLength: 120, size: 'max', selector: ([number]) => number }).map(rows => new Map(rows))
const rule = fc.record({ bits: fc.nat(6), largest: fc.constantFrom(100, 300, 1_000, 4_000, 300_000) })
/** One edit of a few rows, or many. */
const editsOf = (value: fc.Arbitrary<string>): fc.Arbitrary<(readonly [number, string | null])[]> => fc.oneof(
  fc.array(fc.tuple(id, fc.option(value, { freq: 3 })), { maxLength: 3 }), fc.array(fc.tuple(id, fc.option(value)), { maxLength: 60 }),
  fc.tuple(fc.integer({ min: -40, max: 400 }), fc.nat(200)).map(([from, length]) => Array.from({ length }, (_, index) => [from + index, null] as const)),
  fc.nat(200).map(length => Array.from({ length }, (_, index) => [500 + index, `new ${index}`] as const)))

function edited (before: Table, edits: readonly (readonly [number, string | null])[]): Table {
  const now = new Map(before)
  for (const [changed, value] of edits) {
    if (value === null) now.delete(changed)
    else now.set(changed, value)
  }
  return now
}

describe('rows by what changed', () => {
  for (const [name, value, numRuns] of [['are stored as all rows would be', text, 400], ['are stored as all rows would be, with values out of line', longText, 60]] as const) {
    it(name, () => fc.assert(fc.asyncProperty(
      tableOfTexts(value), editsOf(value), fc.array(id, { maxLength: 4 }), fc.array(fc.nat(300), { maxLength: 10 }), rule, fc.boolean(), async (before, edits, also, pieces, cut, counts) => {
        const now = edited(before, edits)
        const blobs = new MemoryBlobs()
        const parent = await parentOf(before, blobs, cut)
        const { content, reads } = changing(now, toldOf(before, now, { also: new Set(also), counts }), pieces)
        expect(await stored(content, blobs, parent)).toEqual(await stored(tableOf(linesOf(now)), new MemoryBlobs(), parent))
        const isLessened = [...before.keys()].some(key => !now.has(key))
        expect(reads).toEqual([...counts ? ['changes', 'closed'] : [], ...!counts || isLessened ? ['changes and keys', 'closed'] : []])
      }), { numRuns }))
  }

  const before = new Map(Array.from({ length: 200 }, (_, index) => [index, seededBytes(500, String(index)).toString('hex')]))
  const now = new Map([...before, [7, 'seven'], [300, 'new']])
  const right = toldOf(before, now)

  it('are said to be taken over but for what is new', async () => {
    const blobs = new MemoryBlobs()
    const parent = await parentOf(before, blobs)
    const after = edited(before, [[7, 'seven'], [50, null], [150, 'one'], [151, 'more']])
    blobs.settle()
    await stored(changing(after, toldOf(before, after)).content, blobs, parent)
    const chunks = blobs.puts.filter(({ copied }) => copied > 0).map(({ address, copied }) => blobs.blobs.get(address)!.length - copied)
    expect(chunks.length).toBeGreaterThan(2)
    expect(chunks.reduce((sum, length) => sum + length)).toBe('7\tseven\n150\tone\n151\tmore\n'.length)
  })

  it.each<[string, Told]>([
    ['a new row is missing', { ...right, rows: right.rows.slice(0, -1) }],
    ['a key is missing whose row is there', { ...right, keys: right.keys.filter(key => key !== '7') }],
    ['the last key is missing whose row is there', { ...right, keys: right.keys.slice(0, -1) }],
    ['a key is new and has no row', { ...right, keys: [...right.keys, '301'] }],
    ['a key comes twice', { ...right, keys: ['0', ...right.keys] }],
    ['a changed row comes twice', { ...right, rows: [right.rows[0]!, ...right.rows] }],
    ['changed rows do not ascend', { ...right, rows: right.rows.toReversed() }],
  ])('are read whole when %s', async (_, told) => {
    const blobs = new MemoryBlobs()
    const parent = await parentOf(before, blobs)
    const { content, reads } = changing(now, told)
    expect(await stored(content, blobs, parent)).toEqual(await stored(tableOf(linesOf(now)), new MemoryBlobs(), parent))
    expect(reads).toEqual(['changes and keys', 'closed', 'whole'])
  })

  it.each<[string, Told]>([
    ['do not ascend', { ...right, keys: ['1', '0', ...right.keys.slice(2)] }],
    ['are written in another way', { ...right, keys: right.keys.map(key => key === '5' ? '05' : key) }],
  ])('are right also when keys %s', async (_, told) => {
    const blobs = new MemoryBlobs()
    const parent = await parentOf(before, blobs)
    expect(await stored(changing(now, told).content, blobs, parent)).toEqual(await stored(tableOf(linesOf(now)), new MemoryBlobs(), parent))
  })

  it.each([[300, ['changes', 'closed']], [800, ['changes', 'closed', 'changes and keys', 'closed', 'whole']]])('may make runs that are cut for their length alone, up to a limit: %i long rows', async (rows, expected) => {
    const wide = new Map(Array.from({ length: rows }, (_, index) => [index, `${index} ${'x'.repeat(50_000)}`]))
    const blobs = new MemoryBlobs()
    const parent = await parentOf(wide, blobs, { bits: 20, largest: 300_000 })
    const after = new Map([...wide, [3, 'short'], [200, `other ${'y'.repeat(60_000)}`], [rows + 5, 'new']])
    const { content, reads } = changing(after, toldOf(wide, after, { counts: true }), [65_536])
    expect(await stored(content, blobs, parent)).toEqual(await stored(tableOf(linesOf(after)), new MemoryBlobs(), parent))
    expect(reads).toEqual(expected)
  })

  it('are right wherever one row comes or goes', async () => {
    for (const [bits, largest] of [[3, 150], [4, 250], [6, 400]] as const) {
      const even = new Map(Array.from({ length: 60 }, (_, index) => [2 * index, `text of ${index}`]))
      const blobs = new MemoryBlobs()
      const parent = await parentOf(even, blobs, { bits, largest })
      for (let place = -1; place < 120; place++) {
        const now = edited(even, [[place, even.has(place) ? null : 'put in']])
        expect(await stored(changing(now, toldOf(even, now)).content, blobs, parent), String(place)).toEqual(await stored(tableOf(linesOf(now)), new MemoryBlobs(), parent))
      }
    }
  })

  it('are right when all rows of chunks next to each other go', async () => {
    for (const [bits, largest] of [[3, 150], [5, 250], [9, 400]] as const) {
      const table = new Map(Array.from({ length: 90 }, (_, index) => [index, `text of ${index} ${'x'.repeat(index * 37 % 90)}`]))
      const blobs = new MemoryBlobs()
      const parent = await parentOf(table, blobs, { bits, largest })
      if (parent.content.form !== 'rows') throw new Error('stored as something else')
      const chunks = (await Array.fromAsync(readRowChunks(parent.content, blobs))).map(({ bytes }) => Buffer.from(bytes).toString().trim().split('\n').map(line => Number.parseInt(line, 10)))
      for (const [first] of chunks.entries()) {
        for (const more of [1, 2, 3]) {
          const now = edited(table, chunks.slice(first, first + more).flat().map(id => [id, null]))
          expect(await stored(changing(now, toldOf(table, now)).content, blobs, parent), `${first} and ${more}`).toEqual(await stored(tableOf(linesOf(now)), new MemoryBlobs(), parent))
        }
      }
    }
  })

  it('are taken over without reading or cutting a chunk where none changed', async () => {
    const long = new Map([...before, [50, seededBytes(40_000, 'long').toString('hex')]])
    const blobs = new MemoryBlobs()
    const parent = await parentOf(long, blobs)
    if (parent.content.form !== 'rows') throw new Error('stored as something else')
    const chunks = (await Array.fromAsync(readRowChunks(parent.content, blobs))).map(({ entry }) => addressOf(entry.link))
    blobs.settle()
    expect(await stored(changing(long, toldOf(long, long, { counts: true })).content, blobs, parent)).toEqual(parent)
    expect(blobs.gets.filter(address => chunks.includes(address))).toEqual([])
    expect(blobs.puts).toEqual([])
    expect(blobs.reused).toEqual(expect.arrayContaining(chunks))
    const after = new Map([...long, [100, 'new']])
    blobs.settle()
    await stored(changing(after, toldOf(long, after, { counts: true })).content, blobs, parent)
    expect(blobs.gets.filter(address => chunks.includes(address)).length).toBeLessThan(4)
  })

  it('are read whole when a chunk or a long value of the earlier version is lost', async () => {
    const long = new Map([...before, [50, seededBytes(40_000, 'long').toString('hex')]])
    for (const lose of ['chunk', 'value'] as const) {
      const blobs = new MemoryBlobs()
      const parent = await parentOf(long, blobs)
      if (parent.content.form !== 'rows') throw new Error('stored as something else')
      const chunks = await Array.fromAsync(readRowChunks(parent.content, blobs))
      const lost = lose === 'chunk' ? chunks[1]!.entry.link : chunks.flatMap(({ entry }) => [...entry.refs ?? []])[0]!
      blobs.blobs.delete(addressOf(lost))
      const after = new Map([...long, [7, 'seven']])
      const { content, reads } = changing(after, toldOf(long, after))
      expect(await stored(content, blobs, parent)).toEqual(await stored(tableOf(linesOf(after)), new MemoryBlobs(), parent))
      expect(reads).toEqual(['changes and keys', 'closed', 'whole'])
      expect(blobs.blobs.has(addressOf(lost))).toBe(true)
    }
  })

  it('are not asked for without an earlier version, or with one of another layout', async () => {
    const blobs = new MemoryBlobs()
    const other = await stored(tableOf(linesOf(before), { columns: ['id', 'other'] }), blobs)
    for (const parent of [undefined, other]) {
      const { content, reads } = changing(now, right)
      await stored(content, blobs, parent)
      expect(reads).toEqual(['whole'])
    }
  })

  it('pass on what fails at the source, after closing', async () => {
    const blobs = new MemoryBlobs()
    const parent = await parentOf(before, blobs)
    const { content, reads } = changing(now, right)
    const failing: RowContent = { ...content, changes: async () => ({ ...await content.changes!(), keys: failingBytes() }) }
    await expect(stored(failing, blobs, parent)).rejects.toThrow('gone')
    expect(reads.at(-1)).toBe('closed')
  })
})

async function * failingBytes (): AsyncGenerator<Uint8Array> {
  yield Buffer.from('0\n')
  throw new Error('gone')
}
