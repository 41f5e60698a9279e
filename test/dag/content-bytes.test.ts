import { hash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { pack } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import type { StoredContent } from '../../src/dag/content.ts'
import { sameContent, storeContent } from '../../src/dag/content.ts'
import { addressOf, chunkCid, isChunk } from '../../src/dag/block.ts'
import { readBytes } from '../../src/dag/read-content.ts'
import { storeChunk } from '../../src/dag/store-bytes.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { bytesContent, contextOf, seeded } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const read = async (content: StoredContent, blobs: MemoryBlobs): Promise<Buffer> => Buffer.concat(await Array.fromAsync(readBytes(content.root, blobs)))
const baseOf = (blobs: MemoryBlobs): Map<string, string | undefined> => new Map(blobs.puts.map(({ address, base }) => [address, base]))

async function tarOf (members: readonly (readonly [string, Uint8Array])[]): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of members) tar.entry({ name, mtime: new Date(0) }, Buffer.from(content))
  tar.finalize()
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>))
}

describe('byte streams', () => {
  it('come back as they were', () => fc.assert(fc.asyncProperty(fc.constantFrom(0, 1, 1_023, 1_024, 5_000, 100_000), fc.constantFrom('content' as const, 'tar' as const), fc.string(), async (length, cut, name) => {
    const bytes = seededBytes(length, name)
    const blobs = new MemoryBlobs()
    const { content, hash: found } = await storeContent(bytesContent(bytes, cut), contextOf(blobs))
    expect((await read(content, blobs)).equals(bytes)).toBe(true)
    expect(content).toMatchObject({ form: 'bytes', size: length, count: 0 })
    expect(found).toBe(hash('sha256', bytes, 'hex'))
    for (const { entry, bytes: chunk } of await Array.fromAsync(readEntries(content.root, blobs), async leaf => ({ entry: leaf, bytes: (await blobs.get(addressOf(leaf.link)))! }))) expect(chunk.length).toBe(entry.size)
  }), { numRuns: 30 }))

  it('that turn out to be long are not held, though a short one was expected', async () => {
    const blobs = new MemoryBlobs()
    const bytes = seededBytes(100_000, 'grown')
    let putBeforeTheEnd = 0
    const growing = async function * (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 500) yield bytes.subarray(at, at + 500)
      putBeforeTheEnd = blobs.puts.length
    }
    const content = await storeChunk(growing(), contextOf(blobs))
    expect(putBeforeTheEnd).toBeGreaterThan(5)
    expect(content).toEqual((await storeContent(bytesContent(bytes), contextOf(new MemoryBlobs()))).content)
  })

  it('of one chunk are that chunk, and an empty one is a tree', async () => {
    const blobs = new MemoryBlobs()
    const small = Buffer.from('small')
    expect((await storeContent(bytesContent(small), contextOf(blobs))).content.root.equals(chunkCid(hash('sha256', small, 'hex')))).toBe(true)
    expect(blobs.puts).toHaveLength(1)
    expect(isChunk((await storeContent(bytesContent(Buffer.alloc(0)), contextOf(blobs))).content.root)).toBe(false)
  })

  it('offer what stood at the same place as base', async () => {
    const blobs = new MemoryBlobs()
    const bytes = seededBytes(300_000, 'first')
    const { content: before } = await storeContent(bytesContent(bytes), contextOf(blobs))
    const earlier = await Array.fromAsync(readEntries(before.root, blobs))
    blobs.settle()
    const changed = Buffer.from(bytes)
    for (let at = 500; at < bytes.length; at += 20_000) changed[at]! ^= 1
    const { content } = await storeContent(bytesContent(Buffer.concat([changed, seededBytes(50_000, 'appended')])), contextOf(blobs), before)
    const bases = baseOf(blobs)
    let offset = 0
    for await (const { link, size } of readEntries(content.root, blobs)) {
      let start = 0
      const there = earlier.find(entry => (start += entry.size) > offset) ?? earlier.at(-1)!
      expect(bases.get(addressOf(link))).toBe(addressOf(there.link))
      offset += size
    }
    expect(offset).toBe(350_000)
  })

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['nothing else', bytes => bytes],
    ['something deleted at the beginning', bytes => bytes.subarray(70_001)],
    ['something inserted at the beginning', bytes => Buffer.concat([seededBytes(50_000, 'inserted'), bytes])],
    ['a little deleted at many places', bytes => Buffer.concat(Array.from({ length: 100 }, (_, i) => bytes.subarray(i * 10_000 + 37, (i + 1) * 10_000)))],
    ['a little inserted at many places', bytes => Buffer.concat(Array.from({ length: 100 }, (_, i) => [Buffer.from('inserted'), bytes.subarray(i * 10_000, (i + 1) * 10_000)]).flat())],
    ['an end and a beginning that changed places', bytes => Buffer.concat([bytes.subarray(400_000), bytes.subarray(0, 400_000)])],
  ])('make small deltas when bytes change all over, and %s', async (_, edit) => {
    const blobs = new MemoryBlobs()
    const bytes = seededBytes(1_000_000, 'delta') // does not compress
    const { content: before } = await storeContent(bytesContent(bytes), contextOf(blobs))
    blobs.settle()
    const changed = Buffer.from(bytes)
    for (let i = 0; i < 150; i++) changed[seeded(`change ${i}`, bytes.length)]! ^= 1
    await storeContent(bytesContent(edit(changed)), contextOf(blobs, { concurrency: 1 }), before)
    const added = blobs.puts.filter(({ stored }) => stored === 'new').map(({ address, base }) => ({ chunk: blobs.blobs.get(address)!, dictionary: blobs.blobs.get(base ?? '') }))
    const deltas = added.map(({ chunk, dictionary }) => zstdCompressSync(chunk, dictionary === undefined ? {} : { dictionary }).length)
    expect(added.length).toBeGreaterThan(80)
    expect(deltas.reduce((a, b) => a + b) / added.reduce((sum, { chunk }) => sum + chunk.length, 0)).toBeLessThan(0.25)
  })

  it('offer the only chunk of an earlier version for all of it', async () => {
    const blobs = new MemoryBlobs()
    const { content: before } = await storeContent(bytesContent(seededBytes(1_000, 'one')), contextOf(blobs))
    blobs.settle()
    await storeContent(bytesContent(seededBytes(20_000, 'more')), contextOf(blobs), before)
    expect(new Set(blobs.puts.slice(0, -1).map(({ base }) => base))).toEqual(new Set([addressOf(before.root)]))
  })

  it('of a tar offer what stood at the same place in the same member, wherever that is now', async () => {
    const blobs = new MemoryBlobs()
    const [a, b, c] = ['a', 'b', 'c'].map(name => seededBytes(40_000, name))
    const { content: before } = await storeContent(bytesContent(await tarOf([['a', a!], ['b', b!], ['c', c!]]), 'tar'), contextOf(blobs))
    const labels = new Map((await Array.fromAsync(readEntries(before.root, blobs))).map(({ key, link }) => [Buffer.from(key!).toString(), addressOf(link)]))
    blobs.settle()
    const changed = Buffer.from(b!).fill('!', 20_000, 20_005)
    const { content } = await storeContent(bytesContent(await tarOf([['c', c!], ['new', seededBytes(5_000, 'new')], ['b', changed], ['a', a!]]), 'tar'), contextOf(blobs), before)
    const bases = baseOf(blobs)
    let compared = 0
    for await (const { key, link } of readEntries(content.root, blobs)) {
      const label = Buffer.from(key!).toString()
      expect(bases.get(addressOf(link))).toBeDefined()
      if (!labels.has(label)) continue
      compared++
      expect(bases.get(addressOf(link)), label).toBe(labels.get(label))
    }
    expect(compared).toBeGreaterThan(20)
    const added = blobs.puts.filter(({ stored }) => stored === 'new').reduce((sum, { address }) => sum + blobs.blobs.get(address)!.length, 0)
    expect(added).toBeLessThan(40_000)
  })

  it('of a tar offer what had another random name before, when that was written anew with other members', async () => {
    const blobs = new MemoryBlobs()
    const segment = (number: number): string => `0/segments/0b2f4c1e-1111-4222-8333-${String(number).padStart(12, '0')}.tar`
    const [large, small, others] = [seededBytes(90_000, 'large'), seededBytes(20_000, 'small'), seededBytes(50_000, 'others')]
    const rebuilt = async (links: Uint8Array, vectors: Uint8Array): Promise<Buffer> => await tarOf([['links', links], ['vectors', vectors]])
    const { content: before } = await storeContent(bytesContent(await tarOf([
      [segment(1), await rebuilt(seededBytes(5_000, '1'), small)], [segment(2), await rebuilt(seededBytes(40_000, '2'), large)], [segment(3), await rebuilt(seededBytes(40_000, '3'), others)],
    ]), 'tar'), contextOf(blobs))
    const names = new Map((await Array.fromAsync(readEntries(before.root, blobs))).map(({ key, link }) => [addressOf(link), Buffer.from(key!).toString()]))
    blobs.settle()
    const fewer = Buffer.concat([large.subarray(64, 30_000), large.subarray(30_064, 60_000), large.subarray(60_064)])
    const { content } = await storeContent(bytesContent(await tarOf([
      [segment(3), await rebuilt(seededBytes(40_000, '3'), others)], [segment(7), await rebuilt(seededBytes(39_000, 'other links'), fewer)], [segment(1), await rebuilt(seededBytes(5_000, '1'), small)],
    ]), 'tar'), contextOf(blobs), before)
    const bases = baseOf(blobs)
    const ofVectors = (await Array.fromAsync(readEntries(content.root, blobs))).filter(({ key }) => Buffer.from(key!).toString().startsWith(`${segment(7)}/vectors\0`))
    expect(ofVectors.length).toBeGreaterThan(10)
    for (const { link } of ofVectors) expect(names.get(bases.get(addressOf(link)) ?? '')).toContain(`${segment(2)}/vectors\0`)
  })

  it('are recognised as the same, and as others', async () => {
    const bytes = seededBytes(50_000, 'same')
    for (const cut of ['content', 'tar'] as const) {
      const { content, hash: found } = await storeContent(bytesContent(bytes, cut), contextOf(new MemoryBlobs()))
      const { blobs: _, ...context } = contextOf(new MemoryBlobs())
      expect(await sameContent(bytesContent(bytes), content, found, context)).toBe(true)
      expect(await sameContent(bytesContent(bytes.subarray(1)), content, found, context)).toBe(false)
      expect(await sameContent(bytesContent(Buffer.concat([bytes, Buffer.of(0)])), content, found, context)).toBe(false)
    }
  })

  it('are read with chunks fetched ahead, but not too many', async () => {
    const blobs = new MemoryBlobs()
    const { content } = await storeContent(bytesContent(seededBytes(400_000, 'ahead')), contextOf(blobs))
    const root = content.root
    let open = 0, most = 0
    const slow = {
      get: async (address: string) => {
        most = Math.max(most, ++open)
        await new Promise(resolve => setImmediate(resolve))
        open--
        return await blobs.get(address)
      },
    }
    for await (const _ of readBytes(root, slow, { readAhead: 3 })) expect(open).toBeLessThanOrEqual(3)
    expect(most).toBe(3)
    expect(open).toBe(0)
  })

  it('are not given beyond a chunk that is missing or has another length', async () => {
    const blobs = new MemoryBlobs()
    const bytes = seededBytes(100_000, 'damaged')
    const { content } = await storeContent(bytesContent(bytes), contextOf(blobs))
    const entries = await Array.fromAsync(readEntries(content.root, blobs))
    const given = async (): Promise<{ bytes: number, code: unknown }> => {
      let length = 0
      try {
        for await (const piece of readBytes(content.root, blobs)) length += piece.length
      } catch (error) {
        return { bytes: length, code: (error as { code: unknown }).code }
      }
      return { bytes: length, code: undefined }
    }
    const intact = entries.slice(0, 5).reduce((sum, { size }) => sum + size, 0)
    const address = addressOf(entries[5]!.link), right = blobs.blobs.get(address)!
    blobs.blobs.delete(address)
    expect(await given()).toEqual({ bytes: intact, code: 'BLOB_MISSING' })
    blobs.blobs.set(address, right.subarray(1))
    expect(await given()).toEqual({ bytes: intact, code: 'TREE_INVALID' })
    blobs.blobs.set(address, right)
    expect(await given()).toEqual({ bytes: bytes.length, code: undefined })
  })
})
