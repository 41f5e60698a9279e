import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { storeContent } from '../../src/dag/content.ts'
import type { StoredRows } from '../../src/dag/content.ts'
import { readRows } from '../../src/dag/read-content.ts'
import { rowParts } from '../../src/dag/row-parts.ts'
import type { RowPart } from '../../src/dag/row-parts.ts'
import { sameRows } from '../../src/dag/same-rows.ts'
import type { KeyColumn } from '../../src/sources/source.ts'
import { contextOf, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const KEY: readonly KeyColumn[] = [{ order: 'integer' }, { order: 'bytes' }]

async function stored (lines: readonly string[], key = KEY): Promise<{ content: StoredRows, blobs: MemoryBlobs }> {
  const blobs = new MemoryBlobs()
  const { content } = await storeContent(tableOf(lines, { columns: ['a', 'b', 'c'], key }), contextOf(blobs))
  if (content.form !== 'rows') throw new Error('stored as something else')
  return { content, blobs }
}

const linesOf = (count: number): string[] => Array.from({ length: count }, (_, id) => `${id}\tb\\\\\\t${id}\t${String(id * 7919).repeat(id % 60)}`)
const text = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => Buffer.concat(await Array.fromAsync(bytes, piece => Buffer.from(piece))).toString()
async function * once (rows: string): AsyncGenerator<Uint8Array> { yield Buffer.from(rows) }

describe('the parts of a table', () => {
  it('are its rows one behind the other, from one key to the next, and each is the same as itself alone', async () => {
    const lines = linesOf(6_000)
    const { content, blobs } = await stored(lines)
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 9 }), async count => {
      const parts = await rowParts(content, blobs, { count })
      const texts = await Promise.all(parts.map(async within => await text(readRows(content, blobs, { within }))))
      expect(texts.join('')).toBe(lines.map(line => `${line}\n`).join(''))
      for (const [index, { fromKey, toKey }] of parts.entries()) {
        expect(toKey).toEqual(parts[index + 1]?.fromKey)
        expect(fromKey).toEqual(index === 0 ? undefined : keyOf(texts[index]!))
      }
      for (const within of parts) for (const [index, rows] of texts.entries()) expect(await sameRows(once(rows), content, blobs, { within })).toBe(within === parts[index])
    }), { numRuns: 9 })
  })

  it('have about as many rows', async () => {
    const { content, blobs } = await stored(linesOf(6_000))
    const lengths = (parts: readonly RowPart[]): number[] => parts.map(({ from, to }) => to - from)
    const [two, three] = await Promise.all([2, 3].map(async count => lengths(await rowParts(content, blobs, { count }))))
    expect(two).toHaveLength(2)
    expect(three).toHaveLength(3)
    for (const length of two!) expect(length).toBeGreaterThan(1_500)
    for (const length of three!) expect(length).toBeGreaterThan(900)
  })

  it.each([['without a key', linesOf(6_000), []], ['of one chunk', linesOf(3), KEY], ['without rows', [], KEY]] as const)('are one of a table %s', async (_, lines, key) => {
    const { content, blobs } = await stored(lines, key)
    expect(await rowParts(content, blobs, { count: 4 })).toEqual([{ from: 0, to: lines.length }])
  })
})

/** The first two values of the first row; each `b` is `b`, a backslash, a tab and the number. */
function keyOf (rows: string): string[] {
  const [id] = rows.split('\t')
  return [id!, `b\\\t${id!}`]
}
