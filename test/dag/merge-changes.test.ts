import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../../src/dag/block.ts'
import type { StoreResult } from '../../src/dag/content.ts'
import { storeContent } from '../../src/dag/content.ts'
import { readRowChunks } from '../../src/dag/read-content.ts'
import type { RowContent } from '../../src/sources/source.ts'
import { seededBytes, splitInto, stream } from '../compliance/chunker.ts'
import { contextOf, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

type Table = ReadonlyMap<number, string>

const PARAMETERS = { averageRowBytes: 8_000 } // chunks of few rows
const lineOf = (id: number, text: string): string => `${id}\t${text}`
const linesOf = (table: Table): string[] => [...table].sort(([a], [b]) => a - b).map(([id, text]) => lineOf(id, text))
const bytesOf = (lines: readonly string[]): Buffer => Buffer.from(lines.map(line => `${line}\n`).join(''))

interface Told { readonly keys: readonly string[], readonly rows: readonly string[] }

/** The table as a source tells of it that knows what changed; `reads` counts how it was read. */
function changing (now: Table, told: Told, pieces: readonly number[] = []): { content: RowContent, reads: string[] } {
  const reads: string[] = []
  const whole = tableOf(linesOf(now), { ...PARAMETERS, pieces })
  return {
    reads,
    content: {
      ...whole,
      read: () => {
        reads.push('whole')
        return whole.read()
      },
      changes: async () => {
        reads.push('changes')
        return { keys: stream(splitInto(bytesOf(told.keys), pieces)), rows: stream(splitInto(bytesOf(told.rows), pieces)), close: async () => { reads.push('closed') } }
      },
    },
  }
}

/** What a source tells: of rows that are the same it may tell too. */
function toldOf (before: Table, now: Table, also: ReadonlySet<number> = new Set()): Told {
  const sorted = [...now].sort(([a], [b]) => a - b)
  return { keys: sorted.map(([id]) => String(id)), rows: sorted.filter(([id, text]) => before.get(id) !== text || also.has(id)).map(([id, text]) => lineOf(id, text)) }
}

const stored = async (content: RowContent, blobs: MemoryBlobs, previous?: StoreResult): Promise<StoreResult> => await storeContent(content, contextOf(blobs), previous?.content)

const id = fc.integer({ min: -40, max: 400 })
const text = fc.oneof({ weight: 20, arbitrary: fc.string({ unit: fc.constantFrom('a', 'ü', '\\t', '\\\\@'), maxLength: 30 }) }, { weight: 3, arbitrary: fc.nat(9).map(n => seededBytes(9_000, String(n)).toString('hex')) },
  { weight: 1, arbitrary: fc.nat(3).map(n => seededBytes(40_000, String(n)).toString('hex')) })
const table = fc.array(fc.tuple(id, text), { maxLength: 60 }).map(rows => new Map(rows))

describe('rows by what changed', () => {
  it('are stored as all rows would be', () => fc.assert(fc.asyncProperty(
    table, fc.array(fc.tuple(id, fc.option(text)), { maxLength: 20 }), fc.array(id), fc.array(fc.nat(300), { maxLength: 10 }), async (before, edits, also, pieces) => {
      const now = new Map(before)
      for (const [edited, value] of edits) {
        if (value === null) now.delete(edited)
        else now.set(edited, value)
      }
      const blobs = new MemoryBlobs()
      const parent = await stored(tableOf(linesOf(before), PARAMETERS), blobs)
      const { content, reads } = changing(now, toldOf(before, now, new Set(also)), pieces)
      expect(await stored(content, blobs, parent)).toEqual(await stored(tableOf(linesOf(now)), new MemoryBlobs(), parent))
      expect(reads).toEqual(['changes', 'closed'])
    }), { numRuns: 150 }))

  const before = new Map(Array.from({ length: 200 }, (_, index) => [index, seededBytes(500, String(index)).toString('hex')]))
  const now = new Map([...before, [7, 'seven'], [300, 'new']])
  const right = toldOf(before, now)

  it.each<[string, Told]>([
    ['a new row is missing', { ...right, rows: right.rows.slice(0, -1) }],
    ['a key is missing whose row is there', { ...right, keys: right.keys.filter(key => key !== '7') }],
    ['the last key is missing whose row is there', { ...right, keys: right.keys.slice(0, -1) }],
    ['a key is new and has no row', { ...right, keys: [...right.keys, '301'] }],
    ['keys do not ascend', { ...right, keys: ['1', '0', ...right.keys.slice(2)] }],
    ['a key comes twice', { ...right, keys: ['0', ...right.keys] }],
    ['a changed row comes twice', { ...right, rows: [right.rows[0]!, ...right.rows] }],
    ['changed rows do not ascend', { ...right, rows: right.rows.toReversed() }],
    ['a key is written in another way', { ...right, keys: right.keys.map(key => key === '5' ? '05' : key) }],
  ])('are read whole when %s', async (_, told) => {
    const blobs = new MemoryBlobs()
    const parent = await stored(tableOf(linesOf(before), PARAMETERS), blobs)
    const { content, reads } = changing(now, told)
    expect(await stored(content, blobs, parent)).toEqual(await stored(tableOf(linesOf(now)), new MemoryBlobs(), parent))
    expect(reads).toEqual(['changes', 'closed', 'whole'])
  })

  it('are read whole when a chunk or a long value of the earlier version is lost', async () => {
    const long = new Map([...before, [50, seededBytes(40_000, 'long').toString('hex')]])
    for (const lose of ['chunk', 'value'] as const) {
      const blobs = new MemoryBlobs()
      const parent = await stored(tableOf(linesOf(long), PARAMETERS), blobs)
      if (parent.content.form !== 'rows') throw new Error('stored as something else')
      const chunks = await Array.fromAsync(readRowChunks(parent.content, blobs))
      const lost = lose === 'chunk' ? chunks[1]!.entry.link : chunks.flatMap(({ entry }) => entry.refs ?? [])[0]!
      blobs.blobs.delete(addressOf(lost))
      const after = new Map([...long, [7, 'seven']])
      const { content, reads } = changing(after, toldOf(long, after))
      expect(await stored(content, blobs, parent)).toEqual(await stored(tableOf(linesOf(after)), new MemoryBlobs(), parent))
      expect(reads).toEqual(['changes', 'closed', 'whole'])
      expect(blobs.blobs.has(addressOf(lost))).toBe(true)
    }
  })

  it('are not asked for without an earlier version, or with one of another layout', async () => {
    const blobs = new MemoryBlobs()
    const other = await stored(tableOf(linesOf(before), { ...PARAMETERS, columns: ['id', 'other'] }), blobs)
    for (const parent of [undefined, other]) {
      const { content, reads } = changing(now, right)
      await stored(content, blobs, parent)
      expect(reads).toEqual(['whole'])
    }
  })

  it('pass on what fails at the source, after closing', async () => {
    const blobs = new MemoryBlobs()
    const parent = await stored(tableOf(linesOf(before), PARAMETERS), blobs)
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
