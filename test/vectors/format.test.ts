import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { byteChunker } from '../../src/chunking/byte-chunker.ts'
import { GEAR } from '../../src/chunking/gear.ts'
import { CID, encodeBlock } from '../../src/dag/block.ts'
import type { StoredRows } from '../../src/dag/content.ts'
import { storeContent } from '../../src/dag/content.ts'
import { decodeNode } from '../../src/dag/node.ts'
import { writeNodeMap } from '../../src/dag/node-map.ts'
import { decodeSnapshot } from '../../src/dag/snapshot.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import type { KeyColumn } from '../../src/sources/source.ts'
import { bytesOf } from '../../src/stream.ts'
import { bytesContent, tableOf } from '../dag/contents.ts'
import { MemoryBlobs } from '../dag/memory-blobs.ts'
import blocks from './blocks.json' with { type: 'json' }
import borders from './byte-borders.json' with { type: 'json' }
import { heapRows, ids, longRows, rows, SEED, stream, wideRows } from './inputs.ts'
import tables from './rows.json' with { type: 'json' }

const ROWS: Readonly<Record<string, () => string[]>> = { 'rows(2000)': () => rows(2_000), 'rows(0)': () => rows(0), 'wideRows()': wideRows, 'longRows()': longRows, 'heapRows()': heapRows }

describe('vectors', () => {
  it('of the gear table', () => {
    const bytes = Buffer.alloc(1_024)
    GEAR.forEach((number, i) => bytes.writeInt32BE(number, i * 4))
    expect([...GEAR.slice(0, 4)].map(number => number >>> 0)).toEqual(borders.gear.first)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(borders.gear.sha256)
  })

  it.each(borders.cases)('of byte borders: $input, $sizes', async ({ input, sizes, lengths }) => {
    const bytes = input.stream === undefined ? Buffer.alloc(input.zeros) : stream(input.stream)
    expect((await Array.fromAsync(byteChunker(sizes)(bytesOf(bytes)))).map(({ length }) => length)).toEqual(lengths)
  })

  it.each(tables.cases)('of tables: $rows, k = $bits', async ({ rows: name, key, bits, largest, sizes, chunks, root, hash, values, count, size }) => {
    const blobs = new MemoryBlobs()
    const like: StoredRows = { form: 'rows', root: encodeBlock(null).cid, size: 0, count: 0, columns: [], key: [], ...(bits === null ? {} : { cut: { bits, seed: SEED, ...(largest !== undefined && { largest }) } }) }
    const table = tableOf(ROWS[name]!(), { key: key.map(order => ({ order }) as KeyColumn) })
    const stored = await storeContent(table, { blobs, seed: SEED, chunker: sizes }, like)
    expect(stored).toMatchObject({ hash, content: { count, size } })
    expect(stored.content.root.toString()).toBe(root)
    const entries = await Array.fromAsync(readEntries(stored.content.root, blobs))
    expect(entries.map(entry => entry.count)).toEqual(chunks)
    expect(entries.flatMap(({ refs = [] }) => Array.from(refs, String))).toEqual(values)
  })

  it.each(blocks.maps)('of node maps: $ids nodes', async ({ ids: count, root }) => {
    const nodes = ids(count).map(id => [id, encodeBlock(id).cid] as const)
    expect((await writeNodeMap(nodes, { seed: SEED, blobs: new MemoryBlobs() })).toString()).toBe(root)
  })

  it.each(blocks.streams)('of byte streams: $stream bytes', async ({ stream: length, sizes, root, size, hash }) => {
    const stored = await storeContent(bytesContent(stream(length)), { blobs: new MemoryBlobs(), seed: SEED, chunker: sizes })
    expect(stored).toMatchObject({ hash, content: { size } })
    expect(stored.content.root.toString()).toBe(root)
  })

  it('of a node and a snapshot', () => {
    for (const [{ value, cid, bytes }, decode] of [[blocks.node, decodeNode], [blocks.snapshot, decodeSnapshot]] as const) {
      const block = encodeBlock(typed(value))
      expect(Buffer.from(block.bytes).toString('hex')).toBe(bytes)
      expect(block.cid.toString()).toBe(cid)
      expect(encodeBlock(decode(block.bytes, block.cid)).cid.toString()).toBe(cid)
    }
  })
})

/** What stands in the file as `{ "bytes" }` or `{ "link" }` as bytes and CIDs. */
function typed (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(typed)
  if (typeof value !== 'object' || value === null) return value
  if ('bytes' in value && typeof value.bytes === 'string') return Buffer.from(value.bytes, 'hex')
  if ('link' in value && typeof value.link === 'string') return CID.parse(value.link)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, typed(member)]))
}
