import { describe, expect, it } from 'vitest'
import { chunkCid, encodeBlock } from '../../src/dag/block.ts'
import type { NodeBlock } from '../../src/dag/node.ts'
import { decodeNode, encodeNode } from '../../src/dag/node.ts'
import { diffNodes } from '../../src/dag/diff.ts'
import { findNode, readNodeMap, writeNodeMap } from '../../src/dag/node-map.ts'
import type { SnapshotBlock } from '../../src/dag/snapshot.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/dag/snapshot.ts'
import { SEED } from './contents.ts'
import { MemoryBlobs } from './memory-blobs.ts'
import { nodeOf, snapshotOf } from './nodes.ts'

/** The value with something else at a path of members. */
function altered (value: object, path: string, to: unknown): Record<string, unknown> {
  const copy = { ...value } as Record<string, unknown>
  const [first, ...rest] = path.split('.')
  const next = rest.length === 0 ? to : altered(copy[first!] as object, rest.join('.'), to)
  if (next === undefined) delete copy[first!]
  else copy[first!] = next
  return copy
}

describe('nodes', () => {
  const node = nodeOf('pg/rows/public.t', {
    content: { form: 'rows', root: encodeBlock('root').cid, size: 10, count: 2, columns: ['id'], key: [{ order: 'enum', labels: ['a', 'b'] }], cut: { bits: 9, seed: SEED } },
    deps: ['pg/database', 'pg/object/TABLE t'],
    recipe: { name: 'pca', version: 1, parameters: { components: 128, nested: [1, null, { deep: true }] } },
    attributes: { schema: 'public', n: 1.5, list: ['x', null], nested: { b: true } },
  })

  it('come back as they were', () => {
    const { bytes, cid } = encodeNode(node)
    const back = decodeNode(bytes, cid)
    expect(encodeNode(back).bytes).toEqual(bytes)
    expect({ ...back, content: undefined }).toEqual({ ...node, content: undefined })
    expect(back.content).toMatchObject({ form: 'rows', size: 10, count: 2, columns: ['id'], key: [{ order: 'enum', labels: ['a', 'b'] }], cut: { bits: 9, seed: new Uint8Array(SEED) } })
    const small = nodeOf('a/output/1')
    expect(encodeNode(decodeNode(encodeNode(small).bytes)).cid.toString()).toBe(encodeNode(small).cid.toString())
  })

  it.each<[path: string, to: unknown, member?: string]>([
    ['id', ''], ['id', 5], ['id', 'x'.repeat(5_000)], ['artifact', 'pg.other'], ['status', 'running'], ['hash', 'ABC'], ['hash', undefined], ['agentId', null], ['traceId', undefined],
    ['deps', ['b', 'a']], ['deps', ['a', 'a']], ['deps', 'a'], ['metadata.inputHashes', []], ['metadata.computationTime', -1], ['metadata.computationTime', 'fast'], ['metadata.validationResult.isValid', 1],
    ['metadata.extra', 1, 'metadata'], ['content.root', 'bafy'], ['content.size', -1], ['content.size', 1.5], ['content.form', 'table'], ['content.cut', undefined], ['content.cut.bits', 21], ['content.cut.seed', Buffer.alloc(15)],
    ['content.key', []], ['content.key', [{ order: 'text' }]], ['content.extra', 1, 'content'], ['attributes.cid', chunkCid('00'.repeat(32)), 'attributes'], ['attributes.bytes', Buffer.from('x'), 'attributes'], ['attributes', []],
    ['recipe.version', undefined], ['recipe.parameters', 5], ['extra', 1, ''], ['kind', 'snapshot', ''], ['v', 0, 'v'],
  ])('are refused with a wrong %s (%j), naming node and member', (path, to, member = path) => {
    const wrong = altered(node, path, to)
    const { bytes, cid } = encodeBlock(wrong)
    const refusal: unknown = expect.objectContaining({ code: 'BLOCK_INVALID' })
    expect(() => decodeNode(bytes, cid)).toThrow(refusal)
    expect(() => encodeNode(wrong as unknown as NodeBlock)).toThrow(refusal)
    try {
      decodeNode(bytes, cid)
    } catch (error) {
      const { message } = error as Error
      if (path !== 'id') expect(message).toContain('node pg/rows/public.t')
      expect(message).toContain(member.split('.')[0]!)
    }
  })

  it('of a later version are refused as such', () => {
    expect(() => decodeNode(encodeBlock({ ...node, v: 2 }).bytes)).toThrow(expect.objectContaining({ code: 'FORMAT_UNKNOWN' }))
  })
})

describe('snapshots', () => {
  const snapshot = snapshotOf(encodeBlock('nodes').cid, {
    parents: [encodeBlock('parent').cid], tags: ['nightly'],
    sources: [{ name: 'pg', begin: '2026-01-01T00:00:00.000Z', end: '2026-01-01T00:00:05.000Z', position: '0/16B3748', facts: { serverVersion: 180004 }, notes: ['a note'] }],
  })

  it('come back as they were', () => {
    const { bytes, cid } = encodeSnapshot(snapshot)
    const back = decodeSnapshot(bytes, cid)
    expect(encodeSnapshot(back).bytes).toEqual(bytes)
    expect({ ...back, nodes: undefined, parents: undefined }).toEqual({ ...snapshot, nodes: undefined, parents: undefined })
    expect(back.parents.map(String)).toEqual(snapshot.parents.map(String))
  })

  it.each([['id', 'short'], ['nodes', 'x'], ['parents', ['x']], ['tags', 'nightly'], ['sources', [{ name: 'pg' }]], ['created', undefined], ['extra', 1]])('are refused with a wrong %s', (path, to) => {
    expect(() => encodeSnapshot(altered(snapshot, path, to) as unknown as SnapshotBlock)).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
  })
})

describe('node maps', () => {
  const ids = Array.from({ length: 5_000 }, (_, i) => `pg/object/${String(i).padStart(5, '0')}`)
  const mapOf = async (blobs: MemoryBlobs, changes: Record<string, string | null> = {}) => {
    const all = [...new Set([...ids, ...Object.keys(changes)])].filter(id => changes[id] !== null).sort()
    return await writeNodeMap(all.map(id => [id, encodeBlock(changes[id] ?? id).cid] as const), { seed: SEED, blobs })
  }

  it('give their nodes back in order', async () => {
    const blobs = new MemoryBlobs()
    const found = await Array.fromAsync(readNodeMap(await mapOf(blobs), blobs))
    expect(found.map(({ id }) => id)).toEqual(ids)
    expect(found[7]!.cid.equals(encodeBlock(ids[7]).cid)).toBe(true)
    expect(await Array.fromAsync(readNodeMap(await writeNodeMap([], { seed: SEED, blobs }), blobs))).toEqual([])
  })

  it('find a node by one path of blocks', async () => {
    const blobs = new MemoryBlobs()
    const root = await mapOf(blobs)
    for (const id of [ids[0]!, ids[2_345]!, ids[4_999]!]) {
      blobs.settle()
      expect((await findNode(root, id, blobs))!.equals(encodeBlock(id).cid)).toBe(true)
      expect(blobs.gets.length).toBeLessThanOrEqual(5)
    }
    for (const id of ['', 'a', 'pg/object/00000x', 'z']) expect(await findNode(root, id, blobs)).toBeUndefined()
  })

  it('refuse ids that do not ascend', async () => {
    const { cid } = encodeBlock('x')
    const write = async (...names: string[]): Promise<unknown> => await writeNodeMap(names.map(id => [id, cid] as const), { seed: SEED, blobs: new MemoryBlobs() })
    await expect(write('a', 'a')).rejects.toThrow(expect.objectContaining({ code: 'NODE_DUPLICATE' }))
    await expect(write('b', 'a')).rejects.toThrow(expect.objectContaining({ code: 'NODE_INVALID' }))
    await expect(write('\uffff', '\u{1f600}')).resolves.toBeDefined() // bytes count, not UTF-16 units
  })

  it('are compared by reading what differs', async () => {
    const blobs = new MemoryBlobs()
    const before = await mapOf(blobs)
    const after = await mapOf(blobs, { [ids[100]!]: 'changed', [ids[2_000]!]: null, 'pg/object/02000a': 'new', zzz: 'new' })
    blobs.settle()
    const changes = await Array.fromAsync(diffNodes(before, after, blobs))
    expect(changes.map(({ change, id }) => [change, id])).toEqual([['changed', ids[100]], ['removed', ids[2_000]], ['added', 'pg/object/02000a'], ['added', 'zzz']])
    expect(changes[0]!.before!.equals(encodeBlock(ids[100]).cid) && changes[0]!.after!.equals(encodeBlock('changed').cid)).toBe(true)
    expect(blobs.gets.length).toBeLessThan(20)
    expect(await Array.fromAsync(diffNodes(before, before, blobs))).toEqual([])
    const empty = await writeNodeMap([], { seed: SEED, blobs })
    expect((await Array.fromAsync(diffNodes(empty, before, blobs))).every(({ change }) => change === 'added')).toBe(true)
    expect(await Array.fromAsync(diffNodes(before, empty, blobs))).toHaveLength(5_000)
  })
})
