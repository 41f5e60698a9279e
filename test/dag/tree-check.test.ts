import { beforeEach, expect, it } from 'vitest'
import { addressOf } from '../../src/dag/block.ts'
import { storeContent } from '../../src/dag/content.ts'
import type { StoredContent } from '../../src/dag/content.ts'
import { TreeCheck } from '../../src/dag/tree-check.ts'
import type { Loss } from '../../src/dag/tree-check.ts'
import { walk } from '../../src/dag/walk.ts'
import { contextOf, tableOf } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const table = (changed: number): ReturnType<typeof tableOf> => tableOf(Array.from({ length: 8_000 }, (_, i) => `${i}\t${i === changed ? 'changed' : 'row'} ${'x'.repeat(60)}`), { averageRowBytes: 2_048 })
let blobs: MemoryBlobs
let first: StoredContent
let second: StoredContent
let lost: Set<string>
let check: TreeCheck

beforeEach(async () => {
  blobs = new MemoryBlobs()
  first = (await storeContent(table(-1), contextOf(blobs))).content
  second = (await storeContent(table(2_000), contextOf(blobs), first)).content
  lost = new Set()
  check = new TreeCheck({ blobs, isLost: address => lost.has(address) || !blobs.blobs.has(address) })
  blobs.settle()
})

async function lossesOf ({ root, size, count }: StoredContent): Promise<Loss[]> {
  return await Array.fromAsync(check.losses(root, { form: 'rows', size, count }))
}

const blocksOf = async ({ root }: StoredContent): Promise<string[]> => (await Array.fromAsync(walk([root], blobs))).filter(({ kind }) => kind === 'tree').map(({ address }) => address)

it('reads each block once, however many trees share it, and no chunk', async () => {
  expect([await lossesOf(first), await lossesOf(second), await lossesOf(first)]).toEqual([[], [], []])
  const read = [...blobs.gets]
  const blocks = new Set([...await blocksOf(first), ...await blocksOf(second)])
  expect(read.toSorted()).toEqual([...blocks].sort())
})

it('finds what is lost again in every tree that has it', async () => {
  await lossesOf(first)
  const blocks = await blocksOf(first)
  lost.add(blocks.at(-1)!)
  expect(await lossesOf(first)).toEqual([]) // that one was found intact before
  const fresh = new TreeCheck({ blobs, isLost: address => lost.has(address) })
  for (const { root, size, count } of [first, second]) {
    const losses = await Array.fromAsync(fresh.losses(root, { form: 'rows', size, count }))
    expect(losses).toMatchObject([{ address: blocks.at(-1), error: { code: 'BLOB_MISSING' } }])
  }
})

it('does not take a block on trust that stands where another is expected', async () => {
  await lossesOf(first)
  expect(await Array.fromAsync(check.losses(first.root, { form: 'rows', size: first.size + 1, count: first.count }))).toMatchObject([{ address: addressOf(first.root), error: { code: 'TREE_INVALID' } }])
  expect(await Array.fromAsync(check.losses(first.root, { form: 'bytes' }))).toMatchObject([{ error: { code: 'TREE_INVALID' } }])
})
