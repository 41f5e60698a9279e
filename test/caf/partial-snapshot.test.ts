import { describe, expect, it } from 'vitest'
import { partialSnapshot } from '../../src/caf/partial-snapshot.ts'
import { loadSnapshot } from '../../src/caf/snapshot-nodes.ts'
import { buildSnapshot, sampleArtifacts } from './sample-snapshot.ts'

const { root, blobs } = await buildSnapshot(sampleArtifacts())
const whole = await loadSnapshot(root, blobs)

describe('partialSnapshot', () => {
  it('gives a snapshot that its blobs can be read with', async () => {
    const ids = new Set(['main/object/SCHEMA app', 'main/object/TABLE public.people'])
    const { nodes, blobs: both } = await partialSnapshot(whole, ids, blobs)
    const read = await loadSnapshot(nodes.root, both)
    expect(read.nodes.map(({ node, cid }) => [node.id, cid.toString()])).toEqual(whole.nodes.filter(({ node }) => ids.has(node.id)).map(({ node, cid }) => [node.id, cid.toString()]))
    expect(read.snapshot.parents.map(String)).toEqual([root.toString()])
    expect(read.snapshot).toMatchObject({ id: nodes.snapshot.id, created: whole.snapshot.created, description: whole.snapshot.description, tags: whole.snapshot.tags })
  })

  it('has another id and root for another choice', async () => {
    const one = await partialSnapshot(whole, new Set(['main/object/SCHEMA app']), blobs)
    const two = await partialSnapshot(whole, new Set(['main/object/TYPE public.mood']), blobs)
    expect(one.nodes.snapshot.id).not.toBe(two.nodes.snapshot.id)
    expect(one.nodes.root.toString()).not.toBe(two.nodes.root.toString())
  })

  it.each([
    [['main/rows/public.people'], 'DEP_MISSING'],
    [['main/nothing'], 'NODE_MISSING'],
    [[], 'SELECTION_EMPTY'],
  ])('refuses the choice %j with %s', async (ids, code) => {
    await expect(partialSnapshot(whole, new Set(ids), blobs)).rejects.toMatchObject({ code })
  })
})
