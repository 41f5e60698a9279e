import { beforeEach, describe, expect, it } from 'vitest'
import type { Address } from '../../src/cas/blob-store.ts'
import { OUTCOME_PREFIX, PACK_PREFIX, SEGMENT_PREFIX, packKey } from '../../src/cas/layout.ts'
import { openSessions } from '../../src/cas/open-sessions.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { CID, addressOf } from '../../src/dag/block.ts'
import { walk } from '../../src/dag/walk.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import type { RepairOutcome, RepairRequest } from '../../src/engine/repair.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, listViews } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Finding } from '../../src/engine/verify.ts'
import { BackupError } from '../../src/errors.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import type { Content } from '../../src/sources/source.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { bytesOf } from '../../src/stream.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { contentOf, flipBit, keysBelow, restoreContent } from '../damaged/damage.ts'
import { CHUNKER, SEED, bytesContent, fileOf, filesOf, tableOf } from '../dag/contents.ts'
import { artifactSource } from './artifact-source.ts'
import { flipBlob } from './flip-blob.ts'

const line = (i: number, version = 0): string => `${i}\t${seededBytes(60, `row ${i} ${i % 50 === 0 ? version : 0}`).toString('base64')}`
const table = (version = 0, averageRowBytes = 2_048): Content => tableOf(Array.from({ length: 600 }, (_, i) => line(i, version)), { averageRowBytes })
const tree = (note = 'note'): Content => filesOf([fileOf('big.bin', seededBytes(60_000, 'big')), fileOf('note.md', note)])
const live = { table: table(), tree: tree(), matrix: bytesContent(seededBytes(100_000, 'matrix')) }
let backend: StorageBackend
let id: string

const sourceOf = ({ table, tree, matrix }: Readonly<Record<'table' | 'tree' | 'matrix', Content>>) => artifactSource('it', () => [
  { id: 'it/rows/public.facts', kind: 'pg.rows', content: table }, { id: 'it/tree', kind: 'files', content: tree }, { id: 'it/matrix/x', kind: 'matrix', content: matrix },
])

beforeEach(async () => {
  backend = memoryBackend()
  const repository = await createRepository(backend, { seed: SEED, chunker: CHUNKER })
  id = (await createSnapshot(repository, { sources: [sourceOf(live)], description: 'first' })).id
  await repository.close()
})

async function copyOf (original: StorageBackend): Promise<Repository> {
  const other = memoryBackend()
  await restoreContent(other, await contentOf(original))
  return await openRepository(other)
}

/** In a process of its own, so to say: nothing was read before. */
async function repair (request: RepairRequest = {}): Promise<RepairOutcome> {
  const repository = await openRepository(backend)
  try {
    return await repairRepository(repository, request)
  } finally {
    expect(await openSessions(backend)).toEqual(new Map()) // a garbage collection has nobody to wait for
    await repository.close()
  }
}

async function losses (): Promise<Finding[]> {
  const findings = await Array.fromAsync(verifyRepository(await openRepository(backend), { readData: 'all' }))
  return findings.filter(({ severity }) => severity === 'error')
}

/** Addresses of what the snapshot is made of, by what they are. */
async function parts (): Promise<Array<{ address: Address, kind: string, path: readonly string[] }>> {
  const repository = await openRepository(backend)
  const { root } = await findView(repository, id)
  return await Array.fromAsync(walk([root], repository))
}

describe('a lost blob', () => {
  it('of any kind comes back from a copy of the repository', async () => {
    const donor = await copyOf(backend)
    const all = await parts()
    const kinds = ['snapshot', 'tree', 'node', 'chunk']
    expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(kinds))
    for (const kind of kinds) {
      const { address } = all.findLast(part => part.kind === kind)!
      await flipBlob(await openRepository(backend), address)
      expect(await losses()).not.toEqual([])
      const outcome = await repair({ donors: [donor] })
      expect(outcome).toMatchObject({ lost: [], left: [], notes: [], healed: [{ address, from: donor.backend.location }] })
      expect(await losses()).toEqual([])
      expect((await repair()).healed).toEqual([])
    }
  })

  it('comes back when everything is lost, and stays back through garbage collections', async () => {
    const donor = await copyOf(backend)
    for (const prefix of [PACK_PREFIX, SEGMENT_PREFIX]) for (const key of await keysBelow(backend, prefix)) await backend.delete(key)
    const { lost, healed } = await repair({ donors: [donor] })
    expect([lost, healed.length]).toEqual([[], (await parts()).length])
    for (let run = 0; run < 3; run++) await collectGarbage(await openRepository(backend), { maxWaste: 0 })
    expect(await losses()).toEqual([])
  })

  it('stays lost when the other repository has lost it too, and is named with what it hits', async () => {
    const { address } = (await parts()).findLast(({ kind }) => kind === 'chunk')!
    await flipBlob(await openRepository(backend), address)
    const donor = await copyOf(backend)
    const { lost, healed, notes } = await repair({ donors: [donor] })
    expect(healed).toEqual([])
    expect(notes).toEqual([expect.stringContaining(address)])
    expect(lost).toMatchObject([{ severity: 'error', address, affected: [{ snapshot: id }] }])
  })

  it('is not taken from one that hands out other bytes', async () => {
    const { address } = (await parts()).findLast(({ kind }) => kind === 'chunk')!
    await flipBlob(await openRepository(backend), address)
    const copy = await copyOf(backend)
    const liar = { backend: copy.backend, config: copy.config, has: async () => true, get: async () => Buffer.from('something else') }
    expect(await repair({ donors: [liar] })).toMatchObject({ healed: [], lost: [{ address }] })
  })

  it('that no snapshot needs is no loss', async () => {
    const repository = await openRepository(backend)
    await createSnapshot(repository, { sources: [sourceOf({ ...live, tree: tree('other') })], description: 'second' })
    const { address } = (await parts()).find(({ kind }) => kind === 'snapshot')!
    await applyForget(repository, await planForget(repository, { references: [id] }))
    await flipBlob(repository, address)
    expect(await losses()).toEqual([])
    expect(await repair()).toMatchObject({ lost: [] })
  })

  it('makes what is stored as a delta of it readable again', async () => {
    const repository = await openRepository(backend)
    await createSnapshot(repository, { sources: [sourceOf({ ...live, table: table(1) })], description: 'second' })
    const addresses = await Array.fromAsync(repository.list())
    const base = addresses.map(address => repository.locate(address)?.base).find(address => address !== undefined)!
    const donor = await copyOf(backend)
    await flipBlob(repository, base)
    expect((await losses()).length).toBeGreaterThan(1)
    expect(await repair({ donors: [donor] })).toMatchObject({ lost: [] })
    expect(await losses()).toEqual([])
  })
})

describe('a live source', () => {
  it('gives back byte for byte what is unchanged there', async () => {
    for (const { address } of (await parts()).filter(({ kind, path }) => kind !== 'snapshot' && kind !== 'node' && path.length > 1)) await flipBlob(await openRepository(backend), address)
    const source = sourceOf(live)
    const { healed, lost, notes } = await repair({ sources: [source] })
    expect([lost, notes]).toEqual([[], []])
    expect(new Set(healed.map(({ from }) => from))).toEqual(new Set(['source it']))
    expect(source.closed).toBe(source.captures)
    expect(await losses()).toEqual([])
  })

  it('is cut as the lost content was, whatever the source says of its rows now', async () => {
    const chunks = (await parts()).filter(({ kind, path }) => kind === 'chunk' && path.some(step => step.includes('facts')))
    for (const { address } of chunks) await flipBlob(await openRepository(backend), address)
    expect(chunks.length).toBeGreaterThan(5)
    expect(await repair({ sources: [sourceOf({ ...live, table: table(0, 200) })] })).toMatchObject({ lost: [] })
  })

  it('that has changed heals what did not, and the rest is named row by row and file by file', async () => {
    for (const { address } of (await parts()).filter(({ kind, path }) => kind === 'chunk' && path.some(step => step.includes('facts') || step.includes('tree')))) await flipBlob(await openRepository(backend), address)
    const { healed, lost } = await repair({ sources: [sourceOf({ ...live, table: table(1), tree: tree('changed') })] })
    expect(healed.length).toBeGreaterThan(5)
    const details = lost.flatMap(({ affected }) => affected).map(({ node, detail }) => `${node}: ${detail}`)
    expect(details.some(detail => /^it\/rows\/public\.facts: rows \d+ to \d+, from key/.test(detail))).toBe(true)
    expect(lost.every(({ severity }) => severity === 'error')).toBe(true)
    expect((await losses()).map(({ address }) => address).sort()).toEqual(lost.map(({ address }) => address).sort())
  })

  it('that does not answer is noted, and stops nothing else; a fault of ours is none of that', async () => {
    const chunk = (await parts()).findLast(({ kind, path }) => kind === 'chunk' && path.some(step => step.includes('matrix')))!.address
    await flipBlob(await openRepository(backend), chunk)
    const capture = async (): Promise<never> => { throw new BackupError('SOURCE_UNREACHABLE', 'nobody is there') }
    expect(await repair({ sources: [{ name: 'it', capture }] })).toMatchObject({ healed: [], notes: ['source it: nobody is there'], lost: [{ address: chunk }] })
    const half = sourceOf({ ...live, table: { ...live.table, read: () => refuse() } as Content })
    for (const { address } of (await parts()).filter(({ kind, path }) => kind === 'chunk' && path.some(step => step.includes('facts'))).slice(0, 1)) await flipBlob(await openRepository(backend), address)
    expect(await repair({ sources: [half] })).toMatchObject({ healed: [{ address: chunk }], notes: ['it/rows/public.facts: gone'], lost: [{}] })
    await expect(repair({ sources: [{ name: 'it', capture: async () => { throw new Error('a fault of ours') } }] })).rejects.toThrow('a fault of ours')
  })
})

// eslint-disable-next-line require-yield
async function * refuse (): AsyncGenerator<Uint8Array> {
  throw new BackupError('SOURCE_CHANGED', 'gone')
}

describe('a recipe', () => {
  it('computes again what is lost, unless the result is another', async () => {
    const agents = new AgentOutputs()
    agents.add({ id: 'seed', value: 'seed' })
    const doubled = artifactSource('made', () => [{ id: 'made/matrix/twice', kind: 'matrix', deps: ['agents/output/seed'], recipe: { name: 'twice', version: 1, parameters: {} }, content: bytesContent(seededBytes(30_000, 'twice')) }])
    const repository = await openRepository(backend)
    id = (await createSnapshot(repository, { sources: [agents, doubled], description: 'computed', project: 'computed' })).id
    for (const { address } of (await parts()).filter(({ kind, path }) => kind === 'chunk' && path.some(step => step.includes('twice')))) await flipBlob(repository, address)
    const wrong = { name: 'twice', version: 1, run: () => bytesOf('other') }
    expect(await repair({ recipes: [wrong] })).toMatchObject({ healed: [], notes: [expect.stringContaining('recomputing made/matrix/twice gave')], lost: expect.arrayContaining([]) as unknown[] })
    const right = { name: 'twice', version: 1, run: () => bytesOf(seededBytes(30_000, 'twice')) }
    const { healed, lost } = await repair({ recipes: [right] })
    expect([lost, new Set(healed.map(({ from }) => from))]).toEqual([[], new Set(['recipe twice'])])
    expect(await losses()).toEqual([])
  })
})

describe('a damaged record', () => {
  it('comes back from a copy of the same repository, and from no other', async () => {
    const donor = await copyOf(backend)
    const stranger = await createRepository(memoryBackend())
    await flipBit(backend, OUTCOME_PREFIX + id, 30)
    expect(await repair({ donors: [stranger] })).toMatchObject({ healedRecords: [], left: [{ code: 'RECORD_CORRUPT', key: OUTCOME_PREFIX + id }] })
    expect(await listViews(await openRepository(backend), { onBroken: () => undefined })).toEqual([])
    expect(await repair({ donors: [donor] })).toMatchObject({ healedRecords: [{ key: OUTCOME_PREFIX + id }], left: [] })
    expect(await listViews(await openRepository(backend))).toHaveLength(1)
  })
})

describe('a dry run', () => {
  it('changes nothing and says what would come back', async () => {
    const donor = await copyOf(backend)
    const repository = await openRepository(backend)
    const chunk = (await parts()).findLast(({ kind }) => kind === 'chunk')!.address
    await flipBlob(repository, chunk)
    const [segment] = await keysBelow(backend, SEGMENT_PREFIX)
    const pack = repository.locate(chunk)!.pack
    const before = await contentOf(backend)
    for (const request of [{ donors: [donor] }, { sources: [sourceOf(live)] }]) {
      expect(await repair({ ...request, dryRun: true })).toMatchObject({ listed: [], healed: [{ address: chunk }], lost: [] })
      expect(await contentOf(backend)).toEqual(before)
    }
    await backend.delete(segment!)
    const without = await contentOf(backend)
    expect(await repair({ dryRun: true })).toMatchObject({ listed: [pack], healed: [] })
    expect(await contentOf(backend)).toEqual(without)
    expect(packKey(pack)).toBe((await keysBelow(backend, PACK_PREFIX))[0])
  })
})

it('stops when asked to, and keeps what it has healed', async () => {
  const donor = await copyOf(backend)
  for (const { address } of await parts()) await flipBlob(await openRepository(backend), address)
  const stop = new AbortController()
  const slow = { backend: donor.backend, config: donor.config, has: async () => true, get: async (address: Address) => { stop.abort(new Error('stopped')); return await donor.get(address) } }
  await expect(repair({ donors: [slow], signal: stop.signal })).rejects.toThrow('stopped')
  expect(await repair({ donors: [donor] })).toMatchObject({ lost: [] })
  expect(addressOf(CID.parse((await findView(await openRepository(backend), id)).root.toString()))).toMatch(/^[0-9a-f]{64}$/)
})
