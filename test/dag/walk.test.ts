import { describe, expect, it } from 'vitest'
import type { StoredContent } from '../../src/dag/content.ts'
import { storeContent } from '../../src/dag/content.ts'
import type { CID } from '../../src/dag/block.ts'
import { addressOf, encodeBlock } from '../../src/dag/block.ts'
import { encodeNode } from '../../src/dag/node.ts'
import { writeNodeMap } from '../../src/dag/node-map.ts'
import { encodeSnapshot } from '../../src/dag/snapshot.ts'
import type { BrokenVisit, Visit } from '../../src/dag/walk.ts'
import { walk } from '../../src/dag/walk.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { bytesContent, contextOf, fileOf, filesOf, SEED, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'
import { nodeOf, snapshotOf } from './nodes.ts'

const rows = (version: string): string[] => [...Array.from({ length: 3_000 }, (_, i) => `${i}\t${seededBytes(40, String(i)).toString('hex')}`), `3000\t${seededBytes(60_000, version).toString('hex')}`]

async function snapshot (blobs: MemoryBlobs, contents: Record<string, StoredContent>, parents: CID[] = []): Promise<CID> {
  const nodes: [string, CID][] = []
  for (const [id, content] of Object.entries(contents)) {
    const { cid, bytes } = encodeNode(nodeOf(id, { content }))
    await blobs.put(bytes)
    nodes.push([id, cid])
  }
  const { cid, bytes } = encodeSnapshot(snapshotOf(await writeNodeMap(nodes, { seed: SEED, blobs }), { parents }))
  await blobs.put(bytes)
  return cid
}

async function twoSnapshots (): Promise<{ blobs: MemoryBlobs, first: CID, firstBlobs: string[], second: CID }> {
  const blobs = new MemoryBlobs()
  const context = contextOf(blobs)
  const contents = async (version: string): Promise<Record<string, StoredContent>> => ({
    files: (await storeContent(filesOf([fileOf('a', seededBytes(30_000, 'file')), fileOf('b', version)]), context)).content,
    matrix: (await storeContent(bytesContent(seededBytes(50_000, 'matrix')), context)).content,
    table: (await storeContent(tableOf(rows(version)), context)).content,
  })
  const first = await snapshot(blobs, await contents('one'))
  const firstBlobs = [...blobs.blobs.keys()]
  return { blobs, first, firstBlobs, second: await snapshot(blobs, await contents('two'), [first]) }
}

const addressesOf = (visits: readonly Visit[]): string[] => visits.map(({ address }) => address)

describe('walk', () => {
  it('visits every blob of a snapshot once: blocks, chunks and values out of line, but not its parents', async () => {
    const { blobs, first, firstBlobs, second } = await twoSnapshots()
    const visits = await Array.fromAsync(walk([first], blobs))
    expect(addressesOf(visits).sort()).toEqual(firstBlobs.sort())
    expect(addressesOf(await Array.fromAsync(walk([second], blobs)))).not.toContain(addressOf(first))
    expect(addressesOf(await Array.fromAsync(walk([second, first, first], blobs))).sort()).toEqual([...blobs.blobs.keys()].sort())
  })

  it('says what each is, and puts a block before what is below it', async () => {
    const { blobs, first } = await twoSnapshots()
    const visits = await Array.fromAsync(walk([first], blobs))
    expect(visits[0]).toMatchObject({ kind: 'snapshot', path: [] })
    expect(visits[1]).toMatchObject({ kind: 'tree', path: [expect.stringMatching(/^snapshot [0-9a-f]{32}$/)] })
    expect(visits.filter(({ kind }) => kind === 'node')).toHaveLength(3)
    expect(visits.filter(({ kind }) => kind === 'chunk').every(({ cid, path }) => cid.code === 0x55 && path.length === 2)).toBe(true)
    const sections = visits.map(({ path }) => path[1]).filter(part => part !== undefined)
    expect(new Set(sections)).toEqual(new Set(['node files', 'node matrix', 'node table']))
    expect(sections).toEqual(sections.toSorted()) // depth first
  })

  it('reads blocks only', async () => {
    const { blobs, first } = await twoSnapshots()
    blobs.settle()
    const visits = await Array.fromAsync(walk([first], blobs))
    expect(blobs.gets.toSorted()).toEqual(addressesOf(visits.filter(({ kind }) => kind !== 'chunk')).sort())
  })

  it('leaves out what the caller has seen, with all below it', async () => {
    const { blobs, first, firstBlobs, second } = await twoSnapshots()
    const seen = new Set(addressesOf(await Array.fromAsync(walk([first], blobs))))
    blobs.settle()
    const visits = await Array.fromAsync(walk([second], blobs, { skip: address => seen.has(address) || seen.size === seen.add(address).size }))
    expect(addressesOf(visits).sort()).toEqual([...blobs.blobs.keys()].filter(address => !firstBlobs.includes(address)).sort())
    expect(blobs.gets.length).toBeLessThan(12)
  })

  it('names a missing block and what it belongs to', async () => {
    const { blobs, first } = await twoSnapshots()
    const lost = (await Array.fromAsync(walk([first], blobs))).find(({ kind, path }) => kind === 'tree' && path.includes('node table'))!
    blobs.blobs.delete(lost.address)
    await expect(Array.fromAsync(walk([first], blobs))).rejects.toThrow(expect.objectContaining({
      code: 'BLOB_MISSING', message: expect.stringContaining('node table') as string, data: { address: lost.address, cid: lost.cid.toString(), path: lost.path },
    }))
  })

  it('goes on behind broken blocks when the caller takes note of them', async () => {
    const { blobs, first } = await twoSnapshots()
    const all = await Array.fromAsync(walk([first], blobs))
    const [node, tree] = [all.find(({ kind }) => kind === 'node')!, all.findLast(({ kind }) => kind === 'tree')!]
    blobs.blobs.delete(node.address)
    blobs.blobs.set(tree.address, Buffer.from('damaged'))
    const broken: BrokenVisit[] = []
    const rest = await Array.fromAsync(walk([first], blobs, { onBroken: visit => broken.push(visit) }))
    expect(broken.map(({ address, error }) => [address, error.code])).toEqual([[node.address, 'BLOB_MISSING'], [tree.address, 'BLOCK_INVALID']])
    expect(rest.length).toBeGreaterThan(10)
    expect(addressesOf(rest)).not.toContain(node.address)
  })

  it('refuses a tree that is not what its node says', async () => {
    const { blobs } = await twoSnapshots()
    const { content } = await storeContent(bytesContent(seededBytes(50_000, 'matrix')), contextOf(blobs))
    for (const wrong of [{ ...content, size: content.size + 1 }, { ...content, form: 'rows', columns: ['a'], key: [] }, { ...content, root: encodeBlock({ kind: 'other' }).cid }] as StoredContent[]) {
      await blobs.put(encodeBlock({ kind: 'other' }).bytes)
      await expect(Array.fromAsync(walk([await snapshot(blobs, { wrong })], blobs))).rejects.toThrow(expect.objectContaining({ code: 'TREE_INVALID' }))
    }
    await expect(Array.fromAsync(walk([encodeBlock({ kind: 'other' }).cid], blobs))).rejects.toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
  })

  it('stops when it is told to', async () => {
    const { blobs, first } = await twoSnapshots()
    const controller = new AbortController()
    await expect((async () => {
      for await (const _ of walk([first], blobs, { signal: controller.signal })) controller.abort(new Error('enough'))
    })()).rejects.toThrow('enough')
  })
})
