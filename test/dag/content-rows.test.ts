import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredRows } from '../../src/dag/content.ts'
import { sameContent, storeContent } from '../../src/dag/content.ts'
import { addressOf, blockCid, chunkCid } from '../../src/dag/block.ts'
import { readRowChunks, readRows } from '../../src/dag/read-content.ts'
import { decodeTree } from '../../src/dag/tree.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import type { RowContent } from '../../src/sources/source.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { contextOf, seeded, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const store = async (content: RowContent, blobs: MemoryBlobs, previous?: StoredRows): Promise<{ content: StoredRows, hash: string }> => {
  const { content: stored, hash } = await storeContent(content, contextOf(blobs), previous)
  if (stored.form !== 'rows') throw new Error('stored as something else')
  return { content: stored, hash }
}
const textOf = async (content: StoredRows, blobs: MemoryBlobs, range: { from?: string[], to?: string[] } = {}): Promise<string> =>
  Buffer.concat(await Array.fromAsync(readRows(content, blobs, range), piece => Buffer.from(piece))).toString()
const join = (lines: readonly string[]): string => lines.map(line => `${line}\n`).join('')

const line = (id: number, version = ''): string => `${id}\t${seededBytes(id % 97, String(id)).toString('hex')}${version}`
const big = (name: string): string => seededBytes(60_000, name).toString('hex') // 120,000 bytes of COPY text
const table = (rows: number, changes: Record<number, string | null> = {}): string[] =>
  Array.from({ length: rows }, (_, id) => changes[id] === undefined ? line(id) : changes[id]).filter(text => text !== null)

const newPuts = (blobs: MemoryBlobs): { address: string, base: string | undefined }[] => blobs.puts.filter(({ stored }) => stored === 'new')

describe('rows with a key', () => {
  it('come back as they were, however they came', () => fc.assert(fc.asyncProperty(
    fc.uniqueArray(fc.integer(), { maxLength: 60 }), fc.array(fc.nat(200), { maxLength: 10 }), async (ids, pieces) => {
      const lines = ids.sort((a, b) => a - b).map(id => line(Math.abs(id)).replace(/^[0-9]+/, String(id)))
      const blobs = new MemoryBlobs()
      const { content, hash } = await store(tableOf(lines, { pieces, averageRowBytes: 2_000 }), blobs)
      expect(await textOf(content, blobs)).toBe(join(lines))
      expect(content).toMatchObject({ count: lines.length, size: join(lines).length, columns: ['id', 'text'], key: [{ order: 'integer' }], cut: { bits: 6, largest: 524_288 } })
      expect(hash).toBe(addressOf(content.root))
    })))

  it('may have values of any length, in any place', async () => {
    const lines = [`1\t${big('a')}\tx`, '2\tshort\t\\N', `3\t${big('b')}\t${big('a')}`, `4\t\t${'y'.repeat(300_000)}`]
    const blobs = new MemoryBlobs()
    const { content } = await store(tableOf(lines, { columns: ['id', 'one', 'two'] }), blobs)
    expect(content.size).toBe(join(lines).length)
    expect(await textOf(content, blobs)).toBe(join(lines))
    const [chunk] = await Array.fromAsync(readRowChunks(content, blobs))
    expect(Buffer.from(chunk!.bytes).toString()).toMatch(/^1\t\\@baf[a-z2-7]+:120000\tx\n2\tshort\t\\N\n3\t\\@/)
    expect(chunk!.entry.refs).toHaveLength(3) // one of them stands twice
  })

  it('have the same root from any source, and another when any row differs', async () => {
    const roots = new Set<string>()
    for (const changes of [{}, {}, { 500: line(500, 'x') }, { 500: null }, { 1_999: null }]) roots.add((await store(tableOf(table(2_000, changes)), new MemoryBlobs())).hash)
    expect(roots.size).toBe(4)
  })

  it('store little when little changed, with the chunks and blocks that stood there as bases', async () => {
    const blobs = new MemoryBlobs()
    const { content: before } = await store(tableOf(table(30_000)), blobs)
    const chunks = (await Array.fromAsync(readRowChunks(before, blobs))).map(({ entry }) => entry)
    blobs.settle()
    await store(tableOf(table(30_000, { 7_000: line(7_000, 'updated'), 21_000: null })), blobs, before)
    const added = newPuts(blobs)
    const chunkOf = (id: number): string => addressOf(chunks.findLast(({ key }) => Number(Buffer.from(key!).toString()) <= id)!.link)
    expect(added.slice(0, 2).map(({ base }) => base)).toEqual([chunkOf(7_000), chunkOf(21_000)])
    const blocks = added.slice(2).map(({ base }) => decodeTree(blobs.blobs.get(base!)!, blockCid(base!)))
    expect(blocks.length).toBeGreaterThan(1)
    expect(blocks.length).toBeLessThanOrEqual(4)
    expect(blocks.at(-1)).toMatchObject({ count: 30_000 })
  })

  it('offer the base of each chunk, when rows before the first and behind the last are new too', async () => {
    const blobs = new MemoryBlobs()
    const { content: before } = await store(tableOf(table(9_000).slice(3_000, 6_000)), blobs)
    const addresses = new Set((await Array.fromAsync(readRowChunks(before, blobs))).map(({ entry }) => addressOf(entry.link)))
    blobs.settle()
    const { content } = await store(tableOf(table(9_000)), blobs, before)
    const puts = new Map(blobs.puts.map(({ address, base }) => [address, base]))
    for await (const { entry } of readRowChunks(content, blobs)) expect(addresses).toContain(puts.get(addressOf(entry.link)))
    const chunkKeys = async (stored: StoredRows): Promise<{ key: number, address: string }[]> => await Array.fromAsync(readRowChunks(stored, blobs), ({ entry }) => ({ key: Number(Buffer.from(entry.key!)), address: addressOf(entry.link) }))
    const earlier = await chunkKeys(before)
    for (const { key, address } of await chunkKeys(content)) expect(puts.get(address)).toBe((earlier.findLast(chunk => chunk.key <= key) ?? earlier[0])!.address)
  })

  it('store only the changed part of a long value, with the part that stood there as base', async () => {
    const blobs = new MemoryBlobs()
    const values = ['a', 'b', 'c'].map(big)
    const lines = (middle: string): string[] => [...table(3_000), `5000\t${values[0]}`, `5001\t${middle}`, `5002\t${values[2]}`, ...Array.from({ length: 500 }, (_, i) => line(6_000 + i))]
    const { content: before } = await store(tableOf(lines(values[1]!), { averageRowBytes: 1_000 }), blobs)
    blobs.settle()
    const changed = `${values[1]!.slice(0, 50_000)}INSERTED${values[1]!.slice(50_000)}`
    const { content } = await store(tableOf(lines(changed)), blobs, before)
    expect(await textOf(content, blobs)).toBe(join(lines(changed)))
    const added = newPuts(blobs)
    const parts = added.filter(({ address }) => Buffer.from(blobs.blobs.get(address)!).includes('INSERTED'))
    expect(parts).toHaveLength(1)
    const [old, now] = [parts[0]!.base!, parts[0]!.address].map(address => Buffer.from(blobs.blobs.get(address)!).toString())
    expect(now!.slice(0, 60)).toBe(old!.slice(0, 60))
    expect(added.reduce((sum, { address }) => sum + blobs.blobs.get(address)!.length, 0)).toBeLessThan(120_000)
  })

  it('take over the cut rule of the version before, also with another seed', async () => {
    const blobs = new MemoryBlobs()
    const { content: before } = await store(tableOf(table(2_000), { averageRowBytes: 1_000 }), blobs)
    const again = await storeContent(tableOf(table(2_000), { averageRowBytes: 10 }), contextOf(blobs, { seed: seededBytes(16, 'another') }), before)
    expect(again.content).toEqual(before)
  })

  it('go on with the longest run there was before it was recorded', async () => {
    const blobs = new MemoryBlobs()
    const lines = Array.from({ length: 2_000 }, (_, id) => `${id}\t${'z'.repeat(id % 900)}`)
    const { content: recorded } = await store(tableOf(lines), blobs)
    const unrecorded: StoredRows = { ...recorded, cut: { bits: 20, seed: recorded.cut!.seed } }
    const again = (await storeContent(tableOf(lines), contextOf(blobs), unrecorded)).content as StoredRows
    expect(again.cut).toEqual(unrecorded.cut)
    const lengths = (await Array.fromAsync(readEntries(again.root, blobs))).map(({ size }) => size)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(262_144)
    const longer = (await storeContent(tableOf(lines), contextOf(blobs), { ...unrecorded, cut: { ...unrecorded.cut!, largest: 524_288 } })).content as StoredRows
    expect((await Array.fromAsync(readEntries(longer.root, blobs))).some(({ size }) => size > 262_144)).toBe(true)
  })

  it('measure a first version when its average is not known or comes from long values', async () => {
    const bitsOf = async (lines: string[], averageRowBytes?: number): Promise<number> => (await store(tableOf(lines, averageRowBytes === undefined ? {} : { averageRowBytes }), new MemoryBlobs())).content.cut!.bits
    expect(await bitsOf(Array.from({ length: 500 }, (_, id) => `${id}\t${'x'.repeat(1_024)}`.slice(0, 1_023)))).toBe(7)
    expect(await bitsOf(Array.from({ length: 40 }, (_, id) => `${id}\t${big(String(id))}`), 120_000)).toBe(11)
    expect(await bitsOf([], undefined)).toBe(17)
  })

  it('give rows of a range of keys, and read little else', async () => {
    const blobs = new MemoryBlobs()
    const { content } = await store(tableOf(table(20_000)), blobs)
    const lines = table(20_000)
    for (const [from, to] of [[0, 0], [-5, 3], [777, 790], [0, 19_999], [19_990, 30_000], [30_000, 40_000], [5, 4]]) {
      expect(await textOf(content, blobs, { from: [String(from)], to: [String(to)] })).toBe(join(lines.slice(Math.max(from!, 0), Math.max(to! + 1, 0))))
    }
    expect(await textOf(content, blobs, { from: ['19990'] })).toBe(join(lines.slice(19_990)))
    expect(await textOf(content, blobs, { to: ['9'] })).toBe(join(lines.slice(0, 10)))
    blobs.settle()
    await textOf(content, blobs, { from: ['777'], to: ['790'] })
    expect(blobs.gets.length).toBeLessThan(9)
  })

  it('give ranges by the first columns of a longer key', async () => {
    const lines = ['a\t1\tx', 'a\t20\tx', 'b\t3\tx', 'b\t4\tx', 'c\t0\tx']
    const blobs = new MemoryBlobs()
    const { content } = await store(tableOf(lines, { key: [{ order: 'bytes' }, { order: 'integer' }], columns: ['k', 'n', 'v'], averageRowBytes: 40_000 }), blobs)
    expect(await textOf(content, blobs, { from: ['b'], to: ['b'] })).toBe(join(lines.slice(2, 4)))
    expect(await textOf(content, blobs, { from: ['a', '2'], to: ['b', '3'] })).toBe(join(lines.slice(1, 3)))
    for (const from of [[], ['a', '1', 'x']]) await expect(textOf(content, blobs, { from })).rejects.toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('are recognised as the same, and as others', async () => {
    const { content, hash } = await store(tableOf(table(3_000)), new MemoryBlobs())
    const { blobs: _, ...context } = contextOf(new MemoryBlobs(), { seed: seededBytes(16, 'of another repository') })
    const same = async (rows: RowContent): Promise<boolean> => await sameContent(rows, content, hash, context)
    expect(await same(tableOf(table(3_000), { averageRowBytes: 9, pieces: [1, 100, 1_000] }))).toBe(true)
    expect(await same(tableOf(table(3_000, { 5: line(5, 'x') })))).toBe(false)
    expect(await same(tableOf(table(3_001)))).toBe(false)
    expect(await same(tableOf(table(3_000).toReversed()))).toBe(false)
    expect(await same(tableOf(table(3_000), { columns: ['id', 'other'] }))).toBe(false)
    expect(await same(tableOf(table(3_000), { key: [] }))).toBe(false)
    expect(await sameContent({ form: 'bytes', read: tableOf([]).read }, content, hash, context)).toBe(false)
  })

  it('are refused when their keys do not ascend', async () => {
    await expect(store(tableOf(['1\ta', '10\tb', '9\tc']), new MemoryBlobs())).rejects.toThrow(expect.objectContaining({ code: 'NODE_INVALID', data: { before: '10', after: '9' } }))
  })

  it('are stored also when the version before is damaged, or has another key', async () => {
    const blobs = new MemoryBlobs()
    const lines = [...table(4_000), `99999\t${big('x')}`]
    const { content: before } = await store(tableOf(lines), blobs)
    const { hash } = await store(tableOf(lines), new MemoryBlobs(), before)
    expect(hash).toBe(addressOf(before.root))
    const other = await store(tableOf(lines.slice(0, 100), { key: [{ order: 'float' }] }), blobs, before)
    expect(other.content.count).toBe(100)
  })

  it('count the bytes that came', async () => {
    let bytes = 0
    await storeContent(tableOf(table(500)), contextOf(new MemoryBlobs(), { onBytes: count => bytes += count }))
    expect(bytes).toBe(join(table(500)).length)
  })

  it('stop when they are told to', async () => {
    const controller = new AbortController()
    const stopping = storeContent(tableOf(table(5_000), { pieces: Array<number>(100).fill(500) }), contextOf(new MemoryBlobs(), { signal: controller.signal, onBytes: () => controller.abort(new Error('enough')) }))
    await expect(stopping).rejects.toThrow('enough')
  })

  it('hand on the failure of a put, once all others have ended and the source is closed', async () => {
    const blobs = new MemoryBlobs()
    let running = 0, closed = false
    const text = join(table(9_000, { 4_000: line(4_000, 'xx') }))
    const source: RowContent = { ...tableOf([]), async * read () {
      try {
        for (let at = 0; at < text.length; at += 10_000) yield Buffer.from(text.slice(at, at + 10_000))
      } finally {
        closed = true
      }
    } }
    const failing = {
      get: blobs.get.bind(blobs),
      put: async (bytes: Uint8Array) => {
        running++
        await new Promise(resolve => setImmediate(resolve))
        running--
        if (Buffer.from(bytes).includes('xx')) throw new Error('the disk is full')
        return await blobs.put(bytes)
      },
    }
    await expect(storeContent(source, { ...contextOf(blobs), blobs: failing })).rejects.toThrow('the disk is full')
    expect({ running, closed }).toEqual({ running: 0, closed: true })
  })
})

describe('rows without a key', () => {
  const lines = Array.from({ length: 4_000 }, (_, i) => seededBytes(i % 60, `row ${i % 3_000}`).toString('hex'))
  const heap = (rows: readonly string[]): RowContent => tableOf(rows, { key: [], columns: ['a'] })

  it('come back in the order they came, with every repeat', async () => {
    const blobs = new MemoryBlobs()
    const { content } = await store(heap([...lines, big('long')]), blobs)
    expect(await textOf(content, blobs)).toBe(join([...lines, big('long')]))
    expect(content).toEqual({ form: 'rows', root: content.root, size: join([...lines, big('long')]).length, count: 4_001, columns: ['a'], key: [] })
    await expect(textOf(content, blobs, { from: ['1'] })).rejects.toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('have a hash that does not depend on their order', async () => {
    const shuffled = lines.toSorted((a, b) => seeded(a, 1e9) - seeded(b, 1e9))
    const [first, second] = [await store(heap(lines), new MemoryBlobs()), await store(heap(shuffled), new MemoryBlobs())]
    expect(second.hash).toBe(first.hash)
    expect(second.content.root.equals(first.content.root)).toBe(false)
    expect((await store(heap(lines.slice(1)), new MemoryBlobs())).hash).not.toBe(first.hash)
    const { blobs: _, ...context } = contextOf(new MemoryBlobs())
    expect(await sameContent(heap(shuffled), first.content, first.hash, context)).toBe(true)
    expect(await sameContent(heap(shuffled.with(7, 'other')), first.content, first.hash, context)).toBe(false)
  })

  it('store little when little changed', async () => {
    const blobs = new MemoryBlobs()
    const { content: before } = await store(heap(lines), blobs)
    blobs.settle()
    await store(heap(lines.with(2_000, `${lines[2_000]!}00`)), blobs, before)
    const [chunk, ...blocks] = newPuts(blobs)
    expect(chunk!.base).toBeDefined()
    expect(blocks.length).toBeLessThanOrEqual(3)
    const [old, now] = [chunk!.base!, chunk!.address].map(address => Buffer.from(blobs.blobs.get(address)!))
    expect(now!.subarray(0, 200).equals(old!.subarray(0, 200))).toBe(true)
  })
})

it('an empty table is a tree without entries', async () => {
  for (const key of [[], [{ order: 'integer' as const }]]) {
    const blobs = new MemoryBlobs()
    const { content } = await store(tableOf([], { key }), blobs)
    expect(content).toMatchObject({ count: 0, size: 0 })
    expect(await textOf(content, blobs)).toBe('')
    expect(content.root.equals(chunkCid(addressOf(content.root)))).toBe(false)
  }
})
