import { describe, expect, it } from 'vitest'
import type { StoredRows } from '../../src/dag/content.ts'
import { sameContent, storeContent } from '../../src/dag/content.ts'
import { addressOf } from '../../src/dag/block.ts'
import { readFiles, readRows } from '../../src/dag/read-content.ts'
import type { FileEntry } from '../../src/sources/source.ts'
import { collect } from '../../src/stream.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { contextOf, fileOf, filesOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const store = async (entries: readonly FileEntry[], blobs: MemoryBlobs, previous?: StoredRows): Promise<{ content: StoredRows, hash: string }> => {
  const { content, hash } = await storeContent(filesOf(entries), contextOf(blobs), previous)
  if (content.form !== 'files') throw new Error('stored as something else')
  return { content, hash }
}
const plain = async ({ read, equals: _equals, ...entry }: FileEntry): Promise<unknown> => ({ ...entry, content: read === undefined ? undefined : Buffer.from(await collect(read(), { limit: 1e9 })).toString('latin1') })
const directory = (path: string): FileEntry => ({ ...fileOf(path, ''), type: 'directory', mode: 0o2755, read: undefined } as unknown as FileEntry)

const TREE: readonly FileEntry[] = [
  directory('docs'),
  fileOf('docs/a', seededBytes(50_000, 'a')),
  fileOf('docs/empty', ''),
  fileOf('docs/line\nbreak\tand \\', 'x', { mode: 0o4711, mtimeNs: -5n }),
  { ...directory('link'), type: 'symlink', target: 'docs/../tab\there' },
  { ...directory('same'), type: 'hardlink', target: 'docs/a' },
  fileOf('ünïcode/日本', 'y'),
]
const files = (count: number, changed: Record<number, string> = {}): FileEntry[] =>
  Array.from({ length: count }, (_, i) => fileOf(`f${String(i).padStart(5, '0')}`, changed[i] ?? seededBytes(i % 10 === 0 ? 20_000 : 100, `file ${i}`)))

describe('folder trees', () => {
  it('come back as they were', async () => {
    const blobs = new MemoryBlobs()
    const { content, hash } = await store(TREE, blobs)
    const back = await Array.fromAsync(readFiles(content, blobs))
    expect(await Promise.all(back.map(plain))).toEqual(await Promise.all(TREE.map(plain)))
    expect(back.map(({ read }) => read !== undefined)).toEqual(TREE.map(({ type }) => type === 'file'))
    expect(content).toMatchObject({ count: TREE.length, columns: ['path', 'type', 'mode', 'mtime', 'uid', 'gid', 'size', 'target', 'content'], key: [{ order: 'bytes' }] })
    expect(hash).toBe(addressOf(content.root))
  })

  it('tell whether bytes are those of a file', async () => {
    const blobs = new MemoryBlobs()
    const contents = ['', 'x', seededBytes(100_000, 'cut'), seededBytes(300_000, 'cut more')].map(bytes => Buffer.from(bytes))
    const { content } = await store(contents.map((bytes, i) => fileOf(`f${i}`, bytes)), blobs)
    for (const [i, { equals }] of (await Array.fromAsync(readFiles(content, blobs))).entries()) {
      const bytes = contents[i]!
      const halves = async function * (whole: Uint8Array): AsyncGenerator<Uint8Array> { yield * [whole.subarray(0, whole.length / 2), whole.subarray(whole.length / 2)] }
      const flipped = Buffer.from(bytes.length === 0 ? 'y' : bytes)
      flipped.writeUInt8(1 ^ (flipped.at(-1) ?? 0), Math.max(0, flipped.length - 1))
      expect(await equals?.(halves(bytes))).toBe(true)
      expect(await equals?.(halves(flipped))).toBe(false)
      expect(await equals?.(halves(Buffer.concat([bytes, Buffer.from('x')])))).toBe(false)
      expect(await equals?.(halves(bytes.subarray(1)))).toBe(bytes.length === 0)
    }
  })

  it('are rows as the format says', async () => {
    const blobs = new MemoryBlobs()
    const { content } = await store(TREE, blobs)
    const text = Buffer.concat(await Array.fromAsync(readRows(content, blobs))).toString().split('\n')
    expect(text[0]).toBe('docs\td\t2755\t1700000000000000001\t1000\t100\t0\t\\N\t\\N')
    expect(text[2]).toBe('docs/empty\tf\t644\t1700000000000000001\t1000\t100\t0\t\\N\t')
    expect(text[3]).toMatch(/^docs\/line\\nbreak\\tand \\\\\tf\t4711\t-5\t1000\t100\t1\t\\N\t\\@bafkrei[a-z2-7]{52}:1$/)
    expect(text[4]).toBe('link\tl\t2755\t1700000000000000001\t1000\t100\t0\tdocs/../tab\\there\t\\N')
  })

  it('read files only when asked to', async () => {
    const blobs = new MemoryBlobs()
    const { content } = await store(TREE, blobs)
    blobs.settle()
    const entries = await Array.fromAsync(readFiles(content, blobs))
    expect(blobs.gets).toHaveLength(2) // the tree and its only chunk of rows
    await plain(entries[1]!)
    expect(blobs.gets.length).toBeGreaterThan(5)
  })

  it('store only what changed, with what the file held before as base', async () => {
    const blobs = new MemoryBlobs()
    const { content: before } = await store(files(2_000), blobs)
    blobs.settle()
    const edited = seededBytes(20_000, 'file 500').toString('latin1').replace(/^.{9}/s, 'EDITED!!!')
    const { content } = await store(files(2_000, { 500: Buffer.from(edited, 'latin1').toString('latin1'), 77: 'short now' }).map((entry, i) => i === 500 ? fileOf(entry.path, Buffer.from(edited, 'latin1')) : entry), blobs, before)
    const added = blobs.puts.filter(({ stored }) => stored === 'new')
    const inserted = added.find(({ address }) => Buffer.from(blobs.blobs.get(address)!).includes('EDITED!!!'))!
    const base = Buffer.from(blobs.blobs.get(inserted.base!)!), now = Buffer.from(blobs.blobs.get(inserted.address)!)
    expect(now.subarray(9, 500).equals(base.subarray(9, 500))).toBe(true)
    const short = added.find(({ address }) => Buffer.from(blobs.blobs.get(address)!).equals(Buffer.from('short now')))!
    expect(Buffer.from(blobs.blobs.get(short.base!)!).equals(seededBytes(100, 'file 77'))).toBe(true)
    expect(added.length).toBeLessThan(12)
    expect(content.count).toBe(2_000)
  })

  it('record what was really read of a file that grows', async () => {
    const blobs = new MemoryBlobs()
    const { content } = await store([{ ...fileOf('log', 'twelve bytes'), sizeBytes: 5 }], blobs)
    expect((await Array.fromAsync(readFiles(content, blobs)))[0]!.sizeBytes).toBe(12)
  })

  it('are recognised as the same, and as others', async () => {
    const { content, hash } = await store(TREE, new MemoryBlobs())
    const { blobs: _, ...context } = contextOf(new MemoryBlobs())
    const same = async (entries: readonly FileEntry[]): Promise<boolean> => await sameContent(filesOf(entries), content, hash, context)
    expect(await same(TREE)).toBe(true)
    expect(await same(TREE.with(0, { ...TREE[0]!, mode: 0o755 }))).toBe(false)
    expect(await same(TREE.with(1, fileOf('docs/a', seededBytes(50_000, 'b'))))).toBe(false)
    expect(await same(TREE.slice(1))).toBe(false)
  })

  it('are refused when paths do not ascend', async () => {
    await expect(store([fileOf('b', ''), fileOf('a', '')], new MemoryBlobs())).rejects.toThrow(expect.objectContaining({ code: 'NODE_INVALID', data: { before: 'b', after: 'a' } }))
    await expect(store([fileOf('a', ''), fileOf('a', '')], new MemoryBlobs())).rejects.toThrow(expect.objectContaining({ code: 'NODE_INVALID' }))
  })

  it('hand on the failure of a file that cannot be read', async () => {
    const broken = fileOf('b', '', { async * read () {
      yield Buffer.from('so far')
      throw new Error('the disk is gone')
    } })
    await expect(store([fileOf('a', 'x'), broken, fileOf('c', 'y')], new MemoryBlobs())).rejects.toThrow('the disk is gone')
  })
})
