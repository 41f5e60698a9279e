import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { addressOf } from '../../src/dag/block.ts'
import { walk } from '../../src/dag/walk.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Affected } from '../../src/engine/verify.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { contentOf, restoreContent } from '../damaged/damage.ts'
import { SEED } from '../dag/contents.ts'
import { flipBlob } from './flip-blob.ts'

const OUTPUTS = 300
const backend = memoryBackend()
let intact: Map<string, Uint8Array>
let first: string
let second: string

beforeAll(async () => {
  const repository = await createRepository(backend, { seed: SEED })
  const outputs = new AgentOutputs()
  for (let i = 0; i < OUTPUTS; i++) outputs.add({ id: `plan-${String(i).padStart(4, '0')}`, value: `step ${i}` })
  first = (await createSnapshot(repository, { sources: [outputs], description: 'first' })).id
  outputs.add({ id: 'plan-0000', value: 'changed' })
  second = (await createSnapshot(repository, { sources: [outputs], description: 'second' })).id
  intact = await contentOf(backend)
})
beforeEach(async () => { await restoreContent(backend, intact) })

const open = async (): Promise<Repository> => await openRepository(backend)
const hits = async (): Promise<Affected[]> => (await Array.fromAsync(verifyRepository(await open()))).flatMap(({ affected }) => affected)
const ids = async (snapshot: string): Promise<string[]> => [...(await loadNodes(await findView(await open(), snapshot), await open())).keys()]

describe('damage in a graph', () => {
  it('is named with the node whose block it is, in every snapshot that has it, and in no other', async () => {
    const nodes = await loadNodes(await findView(await open(), first), await open())
    await flipBlob(await open(), addressOf(nodes.get('agents/output/plan-0007')!.cid))
    await flipBlob(await open(), addressOf(nodes.get('agents/output/plan-0000')!.cid))
    expect((await hits()).map(({ snapshot, node, detail }) => [snapshot, node, detail])).toEqual(expect.arrayContaining([
      [first, 'agents/output/plan-0000', 'all of it'], [first, 'agents/output/plan-0007', 'all of it'], [second, 'agents/output/plan-0007', 'all of it'],
    ]))
    expect(await hits()).toHaveLength(3)
  })

  it('is named with the range of nodes below a block of the list of nodes', async () => {
    const { block } = await findView(await open(), first)
    const blocks = (await Array.fromAsync(walk([block.nodes], await open()))).filter(({ kind }) => kind === 'tree')
    expect(blocks.length).toBeGreaterThan(3)
    const all = await ids(first)
    for (const { address, cid } of [blocks[1]!, blocks.at(-1)!]) {
      const below = (await Array.fromAsync(walk([cid], await open()))).filter(({ kind }) => kind === 'node').length
      await restoreContent(backend, intact)
      await flipBlob(await open(), address)
      const [hit] = (await hits()).filter(({ snapshot }) => snapshot === first)
      const { first: from, last } = hit!.place.rows!
      expect([hit!.node, last - from + 1, hit!.place.from, hit!.place.before]).toEqual(['*', below, [all[from - 1]], last === OUTPUTS ? undefined : [all[last]]])
    }
  })

  it('is named as the whole snapshot when it is in its root, or its list of nodes', async () => {
    const { root, block } = await findView(await open(), first)
    for (const cid of [root, block.nodes]) {
      await restoreContent(backend, intact)
      await flipBlob(await open(), addressOf(cid))
      expect(await hits()).toMatchObject([{ snapshot: first, node: '*', place: {} }])
    }
  })
})
