import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SipHash } from '../../src/chunking/sip-hash.ts'
import { addressOf, blockCid, chunkCid, encodeBlock } from '../../src/dag/block.ts'
import type { CID } from '../../src/dag/block.ts'
import { keyOrder } from '../../src/dag/key-order.ts'
import { PreviousBlocks } from '../../src/dag/previous-blocks.ts'
import type { TreeEntry, TreeForm } from '../../src/dag/tree.ts'
import { decodeTree, encodeTree } from '../../src/dag/tree.ts'
import { readEntries, TreeCursor } from '../../src/dag/tree-reader.ts'
import { writeTree } from '../../src/dag/tree-writer.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { SEED } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const linkOf = (form: TreeForm, name: string): CID => (form === 'map' ? blockCid : chunkCid)(seededBytes(32, name).toString('hex'))

function entriesOf (form: TreeForm, count: number): TreeEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const link = linkOf(form, `${form} ${i}`)
    const key = Buffer.from(String(i).padStart(7, '0'))
    return form === 'bytes' ? { link, size: i % 1_000 } : { link, size: form === 'map' ? 0 : i % 1_000, count: form === 'map' ? 1 : i % 7 + 1, key }
  })
}

const write = async (entries: Iterable<TreeEntry>, form: TreeForm, blobs: MemoryBlobs): Promise<CID> =>
  (await writeTree(entries, { form, seed: form === 'bytes' ? undefined : SEED, blobs })).root

/** The tree as the format says it, all levels in memory. */
function referenceRoot (entries: readonly TreeEntry[], form: TreeForm): CID {
  if (form === 'bytes' && entries.length === 1) return entries[0]!.link
  const hash = new SipHash(SEED)
  const cutAfter = ({ link, key }: TreeEntry, level: number): boolean => form === 'bytes'
    ? link.multihash.digest[0]! < 4
    : hash.of(Buffer.concat([key!, Buffer.of(level + 1)])).high < 2 ** 26
  let items = entries
  for (let level = 0; ; level++) {
    const blocks: TreeEntry[][] = [[]]
    for (const [i, entry] of items.entries()) {
      const block = blocks.at(-1)!
      block.push(entry)
      if (i < items.length - 1 && (block.length === 1_024 || cutAfter(entry, level))) blocks.push([])
    }
    const above = blocks.map(block => ({
      link: encodeTree({ form, level, entries: block }).cid, key: block[0]?.key, size: block.reduce((sum, { size }) => sum + size, 0),
      ...(form === 'bytes' ? {} : { count: block.reduce((sum, { count }) => sum + count!, 0) }),
    }))
    if (above.length === 1) return above[0]!.link
    items = above
  }
}

/** Of each block of a tree of rows its level, its first key and its address. */
async function blocksOf (root: CID, blobs: MemoryBlobs): Promise<{ level: number, key: number, address: string }[]> {
  const { level, entries } = decodeTree((await blobs.get(addressOf(root)))!, root)
  const below = level === 0 ? [] : await Promise.all(entries.map(async ({ link }) => await blocksOf(link, blobs)))
  return [{ level, key: Number(Buffer.from(entries[0]!.key!)), address: addressOf(root) }, ...below.flat()]
}

const plain = ({ link, size, count, key, refs }: TreeEntry): unknown => ({ link: link.toString(), size, count, key: key && Buffer.from(key).toString(), refs: refs && Array.from(refs, String) })

describe('trees', () => {
  it('are offered the blocks of an earlier one that stand at their places, in whatever height it has', async () => {
    const withKeys = (from: number, to: number, name: string): TreeEntry[] => entriesOf('rows', to).slice(from).map(entry => ({ ...entry, link: linkOf('rows', name + String(entry.key)) }))
    for (const [from, to] of [[0, 20_000], [4_000, 9_000], [5_000, 5_040], [19_000, 20_000]] as const) {
      const blobs = new MemoryBlobs()
      const before = await write(withKeys(from, to, 'before'), 'rows', blobs)
      const earlier = (await blocksOf(before, blobs)).sort((a, b) => a.key - b.key)
      blobs.settle()
      const { root } = await writeTree(withKeys(0, 20_000, 'now'), { form: 'rows', seed: SEED, blobs, before: new PreviousBlocks(before, blobs, keyOrder([{ order: 'integer' }])) })
      const bases = new Map(blobs.puts.map(({ address, base }) => [address, base]))
      for (const { level, key, address } of await blocksOf(root, blobs)) {
        const same = earlier.filter(block => block.level === level)
        expect(bases.get(address), `${level} ${key}`).toBe((same.findLast(block => block.key <= key) ?? same[0])?.address)
      }
    }
  })

  it.each(['bytes', 'rows', 'map'] as const)('of the form %s are those of the format, whatever their size', async form => {
    for (const count of [0, 1, 2, 63, 64, 65, 1_023, 1_024, 1_025, 5_000]) {
      const entries = entriesOf(form, count)
      expect((await write(entries, form, new MemoryBlobs())).toString(), String(count)).toBe(referenceRoot(entries, form).toString())
    }
  })

  it.each(['bytes', 'rows', 'map'] as const)('of the form %s give their entries back in order', async form => {
    const blobs = new MemoryBlobs()
    const entries = entriesOf(form, 3_000)
    const root = await write(entries, form, blobs)
    expect((await Array.fromAsync(readEntries(root, blobs))).map(plain)).toEqual(entries.map(plain))
    expect(await Array.fromAsync(readEntries(await write([], form, blobs), blobs))).toEqual([])
  })

  it('leave no block that nothing links to', async () => {
    const blobs = new MemoryBlobs()
    const root = await write(entriesOf('rows', 4_000), 'rows', blobs)
    const found = new Set<string>()
    const visit = (cid: CID): void => {
      found.add(addressOf(cid))
      const tree = decodeTree(blobs.blobs.get(addressOf(cid))!, cid)
      if (tree.level > 0) for (const { link } of tree.entries) visit(link)
    }
    visit(root)
    expect([...blobs.blobs.keys()].sort()).toEqual([...found].sort())
  })

  it('share all but the changed path', async () => {
    const blobs = new MemoryBlobs()
    const entries = entriesOf('rows', 20_000)
    await write(entries, 'rows', blobs)
    blobs.settle()
    await write(entries.with(9_000, { ...entries[9_000]!, link: linkOf('rows', 'new') }), 'rows', blobs)
    const written = blobs.puts.filter(({ stored }) => stored === 'new')
    expect(written.length).toBeGreaterThan(1)
    expect(written.length).toBeLessThanOrEqual(4)
    blobs.settle()
    await write([...entries.slice(0, 9_000), ...entries.slice(9_001)], 'rows', blobs)
    expect(blobs.puts.filter(({ stored }) => stored === 'new').length).toBeLessThanOrEqual(8)
  })

  it('link directly to the only chunk of a byte stream, and to no other', async () => {
    const [entry] = entriesOf('bytes', 1)
    const blobs = new MemoryBlobs()
    expect(await writeTree([entry!], { form: 'bytes', blobs })).toEqual({ root: entry!.link, size: 0, count: 0 })
    expect(blobs.puts).toEqual([])
    expect((await write(entriesOf('rows', 1), 'rows', blobs)).code).toBe(0x71)
  })

  it('end a block before its keys and links outgrow it', async () => {
    const blobs = new MemoryBlobs()
    const ref = linkOf('bytes', 'value')
    const heavy = entriesOf('rows', 80).map((entry, i) => i % 2 === 0 ? { ...entry, refs: Array<CID>(4_000).fill(ref) } : { ...entry, key: Buffer.concat([entry.key!, Buffer.alloc(60_000)]) })
    const root = await write(heavy, 'rows', blobs)
    expect(Math.max(...[...blobs.blobs.values()].map(({ length }) => length))).toBeLessThan(600_000)
    expect((await Array.fromAsync(readEntries(root, blobs))).map(({ size }) => size)).toEqual(heavy.map(({ size }) => size))
  })

  it('read only what is asked for', async () => {
    const blobs = new MemoryBlobs()
    const root = await write(entriesOf('map', 20_000), 'map', blobs)
    blobs.settle()
    const wanted = Buffer.from('0012345')
    const [first] = await Array.fromAsync(readEntries(root, blobs, { skipBefore: next => Buffer.compare(next, wanted) <= 0 }))
    expect(Buffer.from(first!.key!).toString()).toBe('0012345')
    expect(blobs.gets.length).toBeLessThan(150) // the path, and what comes behind it
  })

  it('are decoded as they were encoded', () => fc.assert(fc.property(
    fc.constantFrom('bytes' as const, 'rows' as const, 'map' as const), fc.nat(40), (form, count) => {
      const entries = entriesOf(form, count)
      const { bytes, cid } = encodeTree({ form, level: 0, entries })
      const tree = decodeTree(bytes, cid)
      expect(tree.entries.map(plain)).toEqual(entries.map(plain))
      expect(encodeTree(tree).cid.toString()).toBe(cid.toString())
    })))

  const chunk = linkOf('bytes', 'chunk'), block = linkOf('map', 'block')
  const good = { count: 2, entries: [{ l: chunk, s: 5, n: 2, k: Buffer.from('a') }], form: 'rows', kind: 'tree', level: 0, size: 5, v: 1 }
  it.each<[string, unknown, string?]>([
    ['no map', 5], ['another kind', { ...good, kind: 'node' }], ['an unknown member', { ...good, more: 1 }], ['an unknown form', { ...good, form: 'files' }],
    ['a wrong size', { ...good, size: 6 }], ['a wrong count', { ...good, count: 1 }], ['a level that is none', { ...good, level: -1 }], ['too many levels', { ...good, level: 65 }],
    ['an unknown member in an entry', { ...good, entries: [{ ...good.entries[0], x: 1 }] }], ['no link', { ...good, entries: [{ ...good.entries[0], l: 'x' }] }],
    ['a negative size', { ...good, size: -5, entries: [{ ...good.entries[0], s: -5 }] }], ['no count', { ...good, count: 0, entries: [{ l: chunk, s: 5 }] }],
    ['a block where a chunk is expected', { ...good, entries: [{ ...good.entries[0], l: block }] }], ['a chunk where a block is expected', { ...good, level: 1 }],
    ['a key that is text', { ...good, entries: [{ ...good.entries[0], k: 'a' }] }], ['values above chunks', { ...good, level: 1, entries: [{ ...good.entries[0], l: block, r: [chunk] }] }],
    ['no values', { ...good, entries: [{ ...good.entries[0], r: [] }] }], ['no version', { ...good, v: 0 }], ['nothing on a higher level', { ...good, level: 1, entries: [], size: 0, count: 0 }],
    ['too many entries', { ...good, count: 2_050, size: 5_125, entries: Array(1_025).fill(good.entries[0]) }],
    ['ids that do not ascend', { ...good, form: 'map', size: 10, count: 4, entries: Array(2).fill({ ...good.entries[0], l: block }) }],
    ['a later version', { ...good, v: 2 }, 'FORMAT_UNKNOWN'],
  ])('are refused with %s', (_, value, code = 'TREE_INVALID') => {
    const { bytes, cid } = encodeBlock(value)
    expect(() => decodeTree(bytes, cid)).toThrow(expect.objectContaining({ code }))
    const { bytes: right, cid: rightCid } = encodeBlock(good)
    expect(decodeTree(right, rightCid).size).toBe(5)
  })

  it('are refused when they are not what the link to them says', async () => {
    const blobs = new MemoryBlobs()
    const below = encodeTree({ form: 'rows', level: 0, entries: entriesOf('rows', 3) })
    await blobs.put(below.bytes)
    const right = { link: below.cid, size: 3, count: 6, key: entriesOf('rows', 1)[0]!.key }
    const read = async (entry: TreeEntry, level = 1): Promise<unknown> => {
      const above = encodeTree({ form: 'rows', level, entries: [entry] })
      await blobs.put(above.bytes)
      return await Array.fromAsync(readEntries(above.cid, blobs))
    }
    await expect(read(right)).resolves.toHaveLength(3)
    for (const wrong of [{ ...right, size: 4 }, { ...right, count: 5 }, { ...right, key: Buffer.from('x') }]) await expect(read(wrong)).rejects.toThrow(expect.objectContaining({ code: 'TREE_INVALID' }))
    await expect(read(right, 2)).rejects.toThrow(expect.objectContaining({ code: 'TREE_INVALID' }))
    await expect(TreeCursor.open(below.cid, blobs, { form: 'map' })).rejects.toThrow(expect.objectContaining({ code: 'TREE_INVALID' }))
  })
})
