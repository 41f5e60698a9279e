import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import type { Repository, WriterSession } from '../../src/cas/repository.ts'
import { chunkCid } from '../../src/dag/block.ts'
import type { CID } from '../../src/dag/block.ts'
import { storeContent } from '../../src/dag/content.ts'
import { encodeNode } from '../../src/dag/node.ts'
import type { NodeBlock } from '../../src/dag/node.ts'
import { writeNodeMap } from '../../src/dag/node-map.ts'
import { encodeSnapshot } from '../../src/dag/snapshot.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import type { FaultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { EMPTY_ROOT } from '../../src/trust/log/merkle.ts'
import type { Act } from '../../src/trust/log/opening.ts'
import { entryKey, openingKey } from '../../src/trust/log/log-layout.ts'
import { inspectLeaves } from '../../src/trust/witness/inspect-leaves.ts'
import type { Inspection } from '../../src/trust/witness/witness.ts'
import { bytesContent, CHUNKER, SEED } from '../dag/contents.ts'
import { nodeOf, snapshotOf } from '../dag/nodes.ts'
import { logOf } from './proposals.ts'
import type { RepositoryLog } from './proposals.ts'
import { TIME } from './sample-log.ts'

let backend: FaultyBackend
let repository: Repository
let log: RepositoryLog
let size: number

beforeEach(async () => {
  backend = faultyBackend(memoryBackend())
  repository = await createRepository(backend)
  log = await logOf(repository)
  size = 0
})
afterEach(async () => { await repository.close() })

interface Written { readonly writer: WriterSession, readonly root: CID, readonly id: string }

/** A snapshot that is written and not yet committed: sound, or with a chunk that is nowhere. */
const write = async (what: 'sound' | 'torn', { parents = [], nodes }: { readonly parents?: readonly CID[], readonly nodes?: CID } = {}): Promise<Written> => {
  const writer = await repository.openWriter()
  const map = nodes ?? await writeNodeMap([['n', await nodeBlock(writer, what)]], { blobs: writer, seed: SEED })
  const { bytes, cid } = encodeSnapshot(snapshotOf(map, { id: writer.id, parents }))
  await writer.put(bytes)
  await writer.flush()
  return { writer, root: cid, id: writer.id }
}
const nodeBlock = async (writer: WriterSession, what: 'sound' | 'torn'): Promise<CID> => {
  const { content, hash } = await storeContent(bytesContent(Buffer.from('as it is')), { blobs: writer, seed: SEED, chunker: CHUNKER })
  const sound = nodeOf('n', { content, hash, metadata: { ...nodeOf('n').metadata, outputHashes: [hash] } })
  const node: NodeBlock = what === 'sound' ? sound : { ...sound, content: { form: 'bytes', root: chunkCid('ab'.repeat(32)), size: 8, count: 0 } }
  const { bytes, cid } = encodeNode(node)
  await writer.put(bytes)
  return cid
}
const add = async (act: Act): Promise<void> => { size = (await log.log.append(act, { time: TIME, traceId: '' })).index + 1 }
const propose = async ({ id, root }: Written): Promise<void> => { await add({ kind: 'snapshot', snapshot: id, root: root.toString(), project: 'p', parents: [] }) }
const commit = async ({ writer, root }: Written): Promise<void> => { await writer.commit({ root: root.toString(), consensus: true, validatedBy: [], statements: [] }) }
/** What is found in the leaves from `from` on. */
const inspect = async (from = 0, verified: readonly string[] = []): Promise<Inspection> => {
  const older = from === 0 ? { size: 0, root: EMPTY_ROOT } : (await log.log.checkpointAt(from))!
  return await inspectLeaves({ from: older, to: (await log.log.checkpointAt(size))!, verified }, { repository, log: log.log })
}
const refusal = (text: RegExp | string): unknown => ({ refusal: expect.stringMatching(text) as unknown })

describe('before it cosigns, a validator', () => {
  it('verifies every snapshot that the new leaves propose', async () => {
    const [one, two] = [await write('sound'), await write('sound')]
    await add({ kind: 'created', repository: repository.config.id })
    await propose(one)
    await propose(two)
    expect(await inspect()).toEqual({ verified: [one.root.toString(), two.root.toString()] })
    await propose(await write('torn'))
    expect(await inspect(3)).toEqual(refusal(chunkCid('ab'.repeat(32)).toString()))
    expect(await inspect()).toEqual(refusal(/is in no pack/))
  })

  it('passes over snapshots that are over, by a later leaf or by their records, and by no earlier leaf', async () => {
    const [abandoned, forgotten, closed] = [await write('torn'), await write('torn'), await write('torn')]
    await propose(abandoned)
    await add({ kind: 'abandoned', snapshot: abandoned.id })
    await propose(forgotten)
    await add({ kind: 'forgotten', snapshot: forgotten.id })
    await propose(closed)
    expect(await inspect()).toEqual(refusal(closed.id))
    await closed.writer.discard()
    expect(await inspect()).toEqual({ verified: [] })
    await propose(abandoned)
    expect(await inspect()).toEqual(refusal(abandoned.id))
  })

  it('verifies a commit of a snapshot that it had passed over', async () => {
    const torn = await write('torn')
    await propose(torn)
    await add({ kind: 'abandoned', snapshot: torn.id })
    expect(await inspect()).toEqual({ verified: [] })
    const before = size
    await commit(torn)
    await add({ kind: 'committed', snapshot: torn.id, root: torn.root.toString(), validatedBy: [] })
    expect(await inspect(before)).toEqual(refusal(torn.id))
  })

  it('believes of a parent only what it has verified itself', async () => {
    const torn = await write('torn')
    await propose(torn)
    await add({ kind: 'forgotten', snapshot: torn.id })
    await commit(torn)
    const before = size
    const heir = await write('torn', { parents: [torn.root] })
    await propose(heir)
    expect(await inspect(before)).toEqual(refusal(/is in no pack/))
    // Whoever had verified the parent need not read what it took over from it.
    expect(await inspect(before, [torn.root.toString()])).toEqual({ verified: [heir.root.toString()] })
  })

  it('refuses leaves that are not those of the checkpoint, or that say nothing', async () => {
    const sound = await write('sound')
    await propose(sound)
    await add({ kind: 'forgotten', snapshot: sound.id })
    const [first, second] = await log.log.store.readLeaves(0, 2)
    const entry = (await backend.get(entryKey(0)))!
    await backend.put(entryKey(0), (await backend.get(entryKey(1)))!)
    expect(await inspect()).toEqual(refusal(/leaves 0 to 1 in the storage are not those/))
    await backend.put(entryKey(0), entry)
    await backend.put(openingKey(first!), (await backend.get(openingKey(second!)))!)
    expect(await inspect()).toEqual(refusal(/was changed/))
    await backend.delete(openingKey(first!))
    expect(await inspect()).toEqual(refusal(/is missing/))
  })

  it('refuses a leaf that names no root', async () => {
    await add({ kind: 'snapshot', snapshot: 'ab'.repeat(16), root: 'nonsense', project: 'p', parents: [] })
    expect(await inspect()).toEqual(refusal(/"nonsense", which is no CID/))
  })

  it('does not take a storage that fails for a fault of the snapshot', async () => {
    await propose(await write('sound'))
    const head = (await log.log.checkpointAt(size))!
    for (let call = 0; call < 4; call++) {
      backend.fail('get', { after: call })
      await expect(inspectLeaves({ from: { size: 0, root: EMPTY_ROOT }, to: head, verified: [] }, { repository, log: log.log })).rejects.toMatchObject({ code: 'STORAGE_IO' })
    }
  })
})
