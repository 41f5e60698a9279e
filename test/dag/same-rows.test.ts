import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { storeContent } from '../../src/dag/content.ts'
import type { StoredRows } from '../../src/dag/content.ts'
import { sameRows } from '../../src/dag/same-rows.ts'
import type { KeyColumn } from '../../src/sources/source.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { contextOf, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const COLUMNS = ['id', 'one', 'two']
const long = (name: string): string => seededBytes(80_000, name).toString('hex') // stored out of line
const textOf = (lines: readonly string[]): string => lines.map(line => `${line}\n`).join('')

async function stored (lines: readonly string[], key: readonly KeyColumn[] = [{ order: 'integer' }]): Promise<{ content: StoredRows, blobs: MemoryBlobs }> {
  const blobs = new MemoryBlobs()
  const { content } = await storeContent(tableOf(lines, { columns: COLUMNS, key }), contextOf(blobs))
  if (content.form !== 'rows') throw new Error('stored as something else')
  return { content, blobs }
}

/** The text in pieces of these lengths, again and again. */
async function * piecesOf (text: string, lengths: readonly number[] = [10_000]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0, turn = 0; at < bytes.length; turn++) yield bytes.subarray(at, at += lengths[turn % lengths.length]!)
}

const LINES = [`1\t${long('a')}\tx`, '2\t\\N\t', ...Array.from({ length: 3_000 }, (_, id) => `${id + 3}\t${'y'.repeat(id % 80)}\t\\\\@`), `9000\t${long('b')}\t${long('a')}`, '9001\t\t']

describe('rows as they are read back', () => {
  it('are the stored ones, in pieces of any length', async () => {
    const { content, blobs } = await stored(LINES)
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 500, max: 200_000 }), { minLength: 1, maxLength: 5 }), async lengths => {
      expect(await sameRows(piecesOf(textOf(LINES), lengths), content, blobs)).toBe(true)
    }), { numRuns: 20 })
  })

  it.each([[[]], [[{ order: 'integer' }] as const]])('are compared without reading chunks of short rows, with the key %j', async key => {
    const { content, blobs } = await stored(LINES.slice(1, -2), key)
    const gets: string[] = []
    const counting = { get: async (address: string) => { gets.push(address); return await blobs.get(address) } }
    expect(await sameRows(piecesOf(textOf(LINES.slice(1, -2))), content, counting)).toBe(true)
    expect(gets).toHaveLength(1) // the tree's root
  })

  it.each([
    ['a changed byte', (text: string) => text.replace('\n100\t', '\n101\t')], ['a missing row', (text: string) => text.replace(/\n100\t.*/, '')],
    ['a missing last row', (text: string) => text.slice(0, -7)], ['another row', (text: string) => `${text}9002\t\t\n`], ['no rows', () => ''],
    ['other bytes in a value out of line', (text: string) => text.replace(/.\tx\n/, '!\tx\n')], ['a cut-off value out of line', (text: string) => text.slice(0, 1_000)],
    ['swapped rows', (text: string) => text.replace(/(\n101\t.*)(\n102\t.*)/, '$2$1')],
  ])('are others with %s, and are read to their end', async (_, change) => {
    const { content, blobs } = await stored(LINES)
    const changed = change(textOf(LINES))
    expect(changed).not.toBe(textOf(LINES))
    let read = 0
    const counted = async function * (): AsyncGenerator<Uint8Array> {
      for await (const piece of piecesOf(changed)) {
        yield piece
        read += piece.length
      }
    }
    expect(await sameRows(counted(), content, blobs)).toBe(false)
    expect(read).toBe(changed.length)
  })

  it('are none when none are stored', async () => {
    const { content, blobs } = await stored([])
    expect(await sameRows(piecesOf(''), content, blobs)).toBe(true)
    expect(await sameRows(piecesOf('1\t\t\n'), content, blobs)).toBe(false)
  })
})
