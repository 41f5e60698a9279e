import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { originOfArchive } from '../../src/engine/archive-origin.ts'
import { exportArchive } from '../../src/engine/export.ts'
import { importArchive } from '../../src/engine/import.ts'
import { readLog } from '../../src/engine/open-log.ts'
import { proofIn } from '../../src/engine/proof.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, listViews } from '../../src/engine/snapshot-view.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { noteSigner } from '../../src/trust/log/note-key.ts'
import type { NoteKey } from '../../src/trust/log/note-key.ts'

let folder: string
let path: string
let maker: Repository
let receiver: Repository
let outputs: AgentOutputs

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-origin-'))
  path = join(folder, 'soul.caf')
  maker = await createRepository(memoryBackend())
  receiver = await createRepository(memoryBackend())
  outputs = new AgentOutputs()
  outputs.add({ id: 'plan', value: 'listen' })
})
afterEach(async () => { await rm(folder, { recursive: true }) })

const snapshot = async (): Promise<string> => (await createSnapshot(maker, { sources: [outputs], description: 'soul' })).id
const keyOf = async (repository: Repository): Promise<NoteKey> => (await readLog(repository))!.key
const proofOf = async (id: string): Promise<string> => proofIn(await findView(maker, id))!

describe('an archive', () => {
  it('is proven by the log of the repository it is from, where that is trusted', async () => {
    await exportArchive(maker, await snapshot(), path)
    const key = await keyOf(maker)
    const { origin } = await importArchive(receiver, path, { trusted: { logKeys: [key] }, unproven: 'refuse' })
    expect(origin).toEqual({ proven: true, log: key.name, cosignedBy: [] })
  })

  it('is proven to the repository it is from without more', async () => {
    await exportArchive(maker, await snapshot(), path)
    expect((await importArchive(maker, path, { unproven: 'refuse' })).origin).toMatchObject({ proven: true })
  })

  it('is intact and unproven where its log is not known, and then refused if so wished', async () => {
    await exportArchive(maker, await snapshot(), path)
    await expect(importArchive(receiver, path, { unproven: 'refuse' })).rejects.toMatchObject({ code: 'ORIGIN_UNPROVEN', message: expect.stringContaining((await keyOf(maker)).name) as string })
    expect(await listViews(receiver)).toEqual([])
    expect((await importArchive(receiver, path)).origin).toMatchObject({ proven: false })
  })

  it('is unproven when it is a part of a snapshot', async () => {
    outputs.add({ id: 'other', value: 1 })
    await exportArchive(maker, await snapshot(), path, { selection: { nodes: ['agents/output/plan'] } })
    await expect(importArchive(receiver, path, { trusted: { logKeys: [await keyOf(maker)] }, unproven: 'refuse' })).rejects.toMatchObject({ code: 'ORIGIN_UNPROVEN' })
  })

  it('is refused with the proof of another snapshot, a key of the same name, or a cosignature that is missing', async () => {
    const [one, other] = [await snapshot(), (outputs.add({ id: 'plan', value: 'answer' }), await snapshot())]
    const key = await keyOf(maker)
    const archive = { proof: async () => await proofOf(one), root: (await findView(maker, other)).root }
    await expect(originOfArchive(archive, { logKeys: [key] })).rejects.toMatchObject({ code: 'PROOF_INVALID' })
    const right = { ...archive, root: (await findView(maker, one)).root }
    expect(await originOfArchive(right, { logKeys: [key] })).toMatchObject({ proven: true })
    const { key: forged } = noteSigner(key.name, Buffer.alloc(32, 7))
    await expect(originOfArchive(right, { logKeys: [forged] })).rejects.toMatchObject({ code: 'PROOF_INVALID' })
    const witness = { name: 'w', key: noteSigner('witness.example', Buffer.alloc(32, 8), 4).key }
    const policy = { logs: [{ key }], witnesses: [witness], quorum: { kind: 'witness', witness } } as const
    await expect(originOfArchive(right, { policy })).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED' })
  })

  it('is not proven when a byte of its proof is changed', async () => {
    const id = await snapshot()
    const [proof, { root }, logKeys] = [await proofOf(id), await findView(maker, id), [await keyOf(maker)]]
    const signed = proof.indexOf('\n', proof.indexOf('\n— ') + 1) // further signatures are of keys that nobody asked for
    for (let at = 0; at < signed; at += 7) {
      const changed = proof.slice(0, at) + (proof[at] === 'A' ? 'B' : 'A') + proof.slice(at + 1)
      const result = await originOfArchive({ proof: async () => changed, root }, { logKeys }).catch((error: unknown) => error)
      expect(result, `byte ${at}`).not.toMatchObject({ proven: true })
    }
  })
})
