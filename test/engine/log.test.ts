import { hash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeRecord, encodeRecord } from '../../src/cas/record.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { exportArchive } from '../../src/engine/export.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { importArchive } from '../../src/engine/import.ts'
import { readLog } from '../../src/engine/open-log.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import type { SnapshotRequest } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { readOnlyBackend } from '../../src/storage/read-only-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { createKeys } from '../../src/trust/keys/create-keys.ts'
import { workerSealing } from '../../src/trust/keys/worker-sealing.ts'
import { leafHash } from '../../src/trust/log/merkle.ts'
import { leafOfOpening } from '../../src/trust/log/opening.ts'
import type { Opening } from '../../src/trust/log/opening.ts'
import { parseProof, verifyProof } from '../../src/trust/log/tlog-proof.ts'
import type { Validator } from '../../src/trust/validator.ts'

let folder: string
let backend: StorageBackend
let repository: Repository
let serial = 0

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-log-'))
  backend = memoryBackend()
  repository = await createRepository(backend, { log: { stateFolder: join(folder, 'state') } })
})

afterEach(async () => {
  await repository.close()
  await rm(folder, { recursive: true, force: true })
})

async function snapshot (into = repository, request: Partial<SnapshotRequest> = {}): Promise<string> {
  const outputs = new AgentOutputs()
  outputs.add({ id: 'plan', value: { step: serial++ } })
  return (await createSnapshot(into, { sources: [outputs], description: 'a test', ...request })).id
}

async function openings (of = repository): Promise<Opening[]> {
  const log = await readLog(of)
  return await Array.fromAsync(log!.entries(), ({ opening }) => opening)
}

const kinds = async (of = repository): Promise<string[]> => (await openings(of)).map(({ kind }) => kind)

/** What a verification by a process of its own says of the log. */
async function findings (over = backend, stateFolder: string | undefined = undefined): Promise<Array<{ code: string, severity: string, key: string | undefined, message: string }>> {
  const fresh = await openRepository(over, { log: { stateFolder } })
  const found = await Array.fromAsync(verifyRepository(fresh))
  await fresh.close()
  return found.filter(({ code }) => code.startsWith('LOG_')).map(({ code, severity, key, message }) => ({ code, severity, key, message }))
}

async function copyOf (from: StorageBackend): Promise<StorageBackend> {
  const copy = memoryBackend()
  for await (const { key } of from.list('')) await copy.put(key, (await from.get(key))!)
  return copy
}

async function change (key: string, edit: (members: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  const { format: _, ...members } = decodeRecord(key, (await backend.get(key))!)
  await backend.put(key, encodeRecord(edit(members) as Parameters<typeof encodeRecord>[0]))
}

async function flip (key: string): Promise<void> {
  const bytes = Buffer.from((await backend.get(key))!)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = bytes[at]! ^ 1
  await backend.put(key, bytes)
}

async function keysIn (prefix: string): Promise<string[]> {
  return await Array.fromAsync(backend.list(prefix), ({ key }) => key)
}

const SECRET = hash('sha256', 'of this test', 'base64')

const rejecting: Validator = { name: 'never', validate: async () => ({ validator: 'never', accepts: false, checked: 'dag', blobs: 0, errors: ['no'] }) }

describe('the audit trail', () => {
  it('has every act, within its operation', async () => {
    const id = await snapshot(repository, { traceId: 'trace-1', project: 'one' })
    const other = await snapshot()
    await exportArchive(repository, id, join(folder, 'x.caf'), { traceId: 'trace-2' })
    await restoreSnapshot(repository, id, { restorers: [], traceId: 'trace-2' })
    const { id: imported } = await importArchive(repository, join(folder, 'x.caf'), { project: 'other' })
    await applyForget(repository, await planForget(repository, { references: [id, other] }), { traceId: 'trace-3' })
    await collectGarbage(repository, { traceId: 'trace-4' })
    const said = await openings()
    expect(said.map(({ kind }) => kind)).toEqual(['created', 'snapshot', 'committed', 'snapshot', 'committed', 'exported', 'restored', 'snapshot', 'committed', 'forgotten', 'forgotten', 'collected'])
    expect(said[1]).toMatchObject({ kind: 'snapshot', traceId: 'trace-1', snapshot: id, project: 'one', parents: [] })
    expect(said[2]).toMatchObject({ kind: 'committed', traceId: 'trace-1', snapshot: id, validatedBy: expect.any(Array) as unknown })
    expect(said[5]).toMatchObject({ kind: 'exported', traceId: 'trace-2', snapshot: id })
    expect(said[6]).toMatchObject({ kind: 'restored', traceId: 'trace-2', snapshot: id })
    expect(said[7]).toMatchObject({ kind: 'snapshot', snapshot: imported, project: 'other' })
    expect(said.slice(9, 11)).toMatchObject([{ snapshot: id, traceId: 'trace-3' }, { snapshot: other, traceId: 'trace-3' }])
    expect(said[11]).toMatchObject({ traceId: 'trace-4' })
    expect(await findings()).toEqual([])
  })

  it('gives each commit record a proof that anybody can check', async () => {
    const id = await snapshot()
    const [commit] = await repository.visible()
    const [{ proof: text }] = commit!.statements.filter((statement): statement is { proof: string } => typeof statement === 'object' && statement !== null && 'proof' in statement) as [{ proof: string }]
    const proof = parseProof(text)
    const log = (await readLog(repository))!
    expect(verifyProof(proof, { hash: leafHash(leafOfOpening(proof.extra!)), log: log.key })).toMatchObject({ size: 2 })
    expect(JSON.parse(Buffer.from(proof.extra!).toString())).toMatchObject({ kind: 'snapshot', snapshot: id, root: commit!.root })
  })

  it('begins with what a repository from before there was a log holds', async () => {
    const ids = [await snapshot(), await snapshot()]
    await repository.forget(ids[1]!)
    for await (const { key } of backend.list('metadata/log/')) await backend.delete(key)
    await backend.delete('keys/log')
    await rm(join(folder, 'state'), { recursive: true })
    for (const id of ids) await change(`outcomes/${id}`, members => ({ ...members, statements: [] }))
    expect(await findings()).toEqual([])
    await snapshot()
    const [adopted, ...rest] = await openings()
    expect(adopted).toMatchObject({ kind: 'adopted', snapshots: expect.arrayContaining([{ id: ids[0], root: expect.any(String) as unknown }, { id: ids[1], root: expect.any(String) as unknown, forgotten: true }]) as unknown })
    expect(rest.map(({ kind }) => kind)).toEqual(['snapshot', 'committed'])
    expect(await findings()).toEqual([])
  })

  it('says that a snapshot was given up, and that its session was revoked', async () => {
    await snapshot()
    await expect(snapshot(repository, { validators: [rejecting] })).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED' })
    expect(await kinds()).toEqual(['created', 'snapshot', 'committed', 'snapshot', 'abandoned'])
    expect(await findings()).toEqual([])
  })

  it('needs no right to write for an export', async () => {
    const id = await snapshot()
    const reader = await openRepository(readOnlyBackend(backend), { cacheFolder: false })
    await exportArchive(reader, id, join(folder, 'x.caf'))
    expect(await kinds(reader)).toEqual(['created', 'snapshot', 'committed'])
    await reader.close()
  })
})

describe('a crash', () => {
  it('anywhere in a snapshot leaves nothing that the next operation does not close', async () => {
    await snapshot()
    const before = await copyOf(backend)
    let finished = 0
    for (let after = 0; finished < 1; after++) {
      backend = await copyOf(before)
      const faulty = faultyBackend(backend)
      const crashing = await openRepository(faulty)
      faulty.crash({ after })
      await snapshot(crashing).then(() => { finished++ }, () => undefined)
      const outcomes = await keysIn('outcomes/')
      const next = await openRepository(backend)
      // As a collection would, once the lease is over.
      for (const key of await keysIn('sessions/')) await backend.put(key.replace('sessions/', 'outcomes/'), encodeRecord({ outcome: 'revoked', time: next.now() }), { whenPresent: 'keep' })
      await snapshot(next)
      expect((await findings()).filter(({ severity }) => severity === 'error'), `crash after ${after} changes`).toEqual([])
      expect((await findings()), `crash after ${after} changes, ${outcomes.length} outcomes`).toEqual([])
      await crashing.close().catch(() => undefined)
      await next.close()
    }
  }, 60_000)

  it('of who made a snapshot shows when its lease is over, and no earlier', async () => {
    await snapshot()
    const faulty = faultyBackend(backend)
    const crashing = await openRepository(faulty)
    await expect(snapshot(crashing, { validators: [{ ...rejecting, validate: async () => { faulty.crash(); throw new Error('died') } }] })).rejects.toThrow()
    expect(await findings()).toEqual([])
    const later = await openRepository(backend, { clock: () => Date.now() + 3_600_000 })
    expect((await Array.fromAsync(verifyRepository(later))).map(({ severity, code }) => [severity, code])).toEqual([['warning', 'LOG_MISMATCH']])
    await collectGarbage(later)
    expect((await kinds()).at(-1)).toBe('abandoned')
    expect(await Array.fromAsync(verifyRepository(later))).toEqual([])
    await later.close()
  })

  it('between the leaf and the record of a forgotten snapshot is made good', async () => {
    const id = await snapshot()
    const faulty = faultyBackend(backend).fail('put', { key: 'forgotten/' })
    const failing = await openRepository(faulty)
    await expect(applyForget(failing, await planForget(failing, { references: [id] }))).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(await findings()).toMatchObject([{ severity: 'warning', code: 'LOG_MISMATCH', key: `forgotten/${id}` }])
    await snapshot()
    expect(await keysIn('forgotten/')).toEqual([`forgotten/${id}`])
    expect(await findings()).toEqual([])
    await failing.close()
  })
})

describe('who can write the storage', () => {
  it('is seen deleting a commit record', async () => {
    const id = await snapshot()
    await backend.delete(`outcomes/${id}`)
    expect(await findings()).toMatchObject([{ severity: 'error', code: 'LOG_MISMATCH', key: `outcomes/${id}`, message: expect.stringContaining('vanished') as unknown }])
  })

  it('is seen replacing a commit by one that says there is none', async () => {
    const id = await snapshot()
    await change(`outcomes/${id}`, ({ time }) => ({ outcome: 'revoked', time }))
    expect(await findings()).toMatchObject([{ severity: 'error', code: 'LOG_MISMATCH', key: `outcomes/${id}` }])
  })

  it('is seen making up a commit record', async () => {
    const id = await snapshot()
    const made = 'f'.repeat(32)
    await backend.put(`outcomes/${made}`, (await backend.get(`outcomes/${id}`))!)
    expect(await findings()).toMatchObject([{ severity: 'error', code: 'LOG_MISMATCH', key: `outcomes/${made}` }])
  })

  it('is seen making a snapshot of what was given up', async () => {
    const id = await snapshot()
    await expect(snapshot(repository, { validators: [rejecting] })).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED' })
    const given = (await openings()).findLast(opening => opening.kind === 'abandoned')
    const { format: _, ...commit } = decodeRecord(id, (await backend.get(`outcomes/${id}`))!)
    const proposed = (await openings()).findLast(opening => opening.kind === 'snapshot')
    await backend.put(`outcomes/${given!.snapshot}`, encodeRecord({ ...commit, root: proposed!.root }))
    expect(await findings()).toMatchObject([{ severity: 'error', code: 'LOG_MISMATCH', key: `outcomes/${given!.snapshot}`, message: expect.stringContaining('given up') as unknown }])
  })

  it('is seen giving a snapshot the root of another', async () => {
    const [one, other] = [await snapshot(), await snapshot()]
    const { root } = decodeRecord(other, (await backend.get(`outcomes/${other}`))!)
    await change(`outcomes/${one}`, members => ({ ...members, root }))
    expect(await findings()).toMatchObject([{ severity: 'error', code: 'LOG_MISMATCH', key: `outcomes/${one}`, message: expect.stringContaining('root') as unknown }])
  })

  it('is seen hiding a snapshot, and showing a hidden one', async () => {
    const [one, other] = [await snapshot(), await snapshot()]
    await backend.put(`forgotten/${one}`, encodeRecord({ time: repository.now() }))
    await applyForget(repository, await planForget(repository, { references: [other] }))
    await snapshot()
    await backend.delete(`forgotten/${other}`)
    expect((await findings()).map(({ severity, code, key }) => [severity, code, key])).toEqual([
      ['error', 'LOG_MISMATCH', `forgotten/${other}`], ['error', 'LOG_MISMATCH', `forgotten/${one}`],
    ])
  })

  it('is seen changing or removing any object of the log', async () => {
    await snapshot()
    await snapshot()
    const saved = await copyOf(backend)
    const keys = (await keysIn('metadata/log/'))
    expect(keys.length).toBeGreaterThan(20)
    for (const key of keys) {
      backend = await copyOf(saved)
      await flip(key)
      expect((await findings()).map(({ code, key: named }) => [code, named]), `${key} flipped`).toContainEqual(['LOG_CORRUPT', key])
      await backend.delete(key)
      expect((await findings()).map(({ code, key: named }) => [code, named]), `${key} removed`).toContainEqual(['LOG_CORRUPT', key])
    }
  })

  it('is seen exchanging an entry for another leaf, with a right checksum', async () => {
    await snapshot()
    await change('metadata/log/entries/0000000001', () => ({ leaf: 'ab'.repeat(32) }))
    expect((await findings()).map(({ code, key }) => [code, key])).toContainEqual(['LOG_CORRUPT', 'metadata/log/entries/0000000001'])
    await expect(snapshot()).resolves.toBeDefined() // the tiles still hold the leaf; nothing is signed over it
    expect((await findings()).map(({ code, key }) => [code, key])).toContainEqual(['LOG_CORRUPT', 'metadata/log/entries/0000000001'])
  })

  it('is seen shortening the log with its newest records', async () => {
    await snapshot()
    const old = await copyOf(backend)
    const id = await snapshot()
    for (const key of await keysIn('metadata/log/')) if (await old.size(key) === undefined) await backend.delete(key)
    await backend.put('metadata/log/checkpoint', (await old.get('metadata/log/checkpoint'))!)
    expect((await findings()).map(({ code, key }) => [code, key])).toContainEqual(['LOG_ROLLED_BACK', `outcomes/${id}`])
  })

  it('is seen taking the log away', async () => {
    const id = await snapshot()
    const saved = await copyOf(backend)
    for (const key of await keysIn('metadata/log/')) await backend.delete(key)
    expect((await findings()).map(({ code, key }) => [code, key])).toContainEqual(['LOG_ROLLED_BACK', `outcomes/${id}`])
    await backend.delete('keys/log')
    expect(await findings()).toMatchObject([{ code: 'LOG_ROLLED_BACK', key: `outcomes/${id}` }])
    expect((await findings(backend, join(folder, 'state'))).map(({ key }) => key)).toContain('keys/log')
    backend = saved
    await backend.delete('keys/log')
    expect((await findings()).map(({ code }) => code)).toContain('LOG_CORRUPT')
  })

  it('is seen bringing back an older copy of everything, by a host that remembers, and by no other', async () => {
    await snapshot()
    const old = await copyOf(backend)
    await snapshot()
    backend = old
    expect(await findings()).toEqual([]) // a consistent, complete older state: without a memory or a remote witness nobody can tell
    expect(await findings(backend, join(folder, 'state'))).toMatchObject([{ severity: 'error', code: 'LOG_ROLLED_BACK' }])
    const restored = await openRepository(old, { log: { stateFolder: join(folder, 'state') } })
    const before = await keysIn('')
    await expect(snapshot(restored)).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK' })
    await expect(exportArchive(restored, 'latest', join(folder, 'x.caf'))).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK' })
    expect(await keysIn('')).toEqual(before)
    await restored.close()
  })
})

describe('a repair', () => {
  it('makes every object of the log again that others prove, and openings not', async () => {
    for (let n = 0; n < 2; n++) await snapshot()
    const saved = await copyOf(backend)
    for (const key of await keysIn('metadata/log/')) {
      for (const damage of [flip, async (each: string) => { await backend.delete(each) }]) {
        backend = await copyOf(saved)
        await damage(key)
        const repairing = await openRepository(backend)
        const { log } = await repairRepository(repairing)
        await repairing.close()
        const left = (await findings()).filter(({ severity }) => severity === 'error').map(each => each.key)
        expect([key, left]).toEqual([key, key.includes('/openings/') ? [key] : []])
        expect(log, key).toEqual(key.includes('/openings/') ? [] : [key])
        const proof = (await saved.get(key))!
        if (!key.includes('/openings/') && !key.includes('checkpoint')) expect(await backend.get(key)).toEqual(proof)
      }
    }
  }, 60_000)

  it('signs nothing that the newest right checkpoint does not prove', async () => {
    await snapshot()
    for (const key of ['metadata/log/tile/0/000.p/3', 'metadata/log/tile/entries/000.p/3']) await backend.delete(key)
    await change('metadata/log/entries/0000000001', () => ({ leaf: 'ab'.repeat(32) }))
    const before = await copyOf(backend)
    const repairing = await openRepository(backend)
    expect((await repairRepository(repairing)).log).toEqual([])
    await repairing.close()
    for (const key of await keysIn('metadata/log/')) expect(await backend.get(key)).toEqual(await before.get(key))
  })
})

describe('a verification', () => {
  it('reports nothing wrong while others work', async () => {
    await snapshot()
    const busy = (async () => {
      for (let n = 0; n < 3; n++) {
        const ids = await Promise.all([snapshot(), snapshot(repository, { project: 'other' })])
        await applyForget(repository, await planForget(repository, { references: [ids[0]] }))
      }
    })()
    let over = false
    const ended = busy.finally(() => { over = true })
    do {
      expect((await findings()).filter(({ severity }) => severity === 'error')).toEqual([])
      await setImmediate() // storage in memory never waits; the others must come to their turn
    } while (!over)
    await ended
    expect(await findings()).toEqual([])
  }, 60_000)
})

describe('a sealed repository', () => {
  it('seals what leaves say, and nothing of it can be read from its log', async () => {
    const sealed = memoryBackend()
    const keys = await createKeys(sealed, { secret: SECRET, label: 'test' })
    const owner = await createRepository(sealed, { sealing: keys, log: { keys } })
    const id = await snapshot(owner, { project: 'confidential' })
    expect(await kinds(owner)).toEqual(['created', 'snapshot', 'committed'])
    for await (const { key } of sealed.list('metadata/log/')) {
      const bytes = Buffer.from((await sealed.get(key))!).toString('latin1')
      expect(bytes.includes(id) || bytes.includes('confidential') || bytes.includes('committed'), key).toBe(false)
    }
    expect(Buffer.from((await sealed.get('keys/log'))!).toString()).not.toContain('seed')
    expect((await Array.fromAsync(verifyRepository(owner))).filter(({ code }) => code.startsWith('LOG_'))).toEqual([])
    await owner.close()
  })

  it('takes leaves of who can only write, and who has the key signs for them', async () => {
    const sealed = memoryBackend()
    const keys = await createKeys(sealed, { secret: SECRET, label: 'test' })
    const owner = await createRepository(sealed, { sealing: keys, log: { keys } })
    await snapshot(owner)
    const worker = await openRepository(sealed, { sealing: await workerSealing(sealed, keys.recipient), access: 'write-only', cacheFolder: false })
    const id = await snapshot(worker, { project: 'worker' })
    await worker.close()
    const later = await openRepository(sealed, { sealing: keys, log: { keys } })
    await snapshot(later)
    expect(await kinds(later)).toEqual(['created', 'snapshot', 'committed', 'snapshot', 'committed', 'snapshot', 'committed'])
    expect((await openings(later))[3]).toMatchObject({ snapshot: id, project: 'worker' })
    expect((await Array.fromAsync(verifyRepository(later))).filter(({ code }) => code.startsWith('LOG_'))).toEqual([])
    await Promise.all([owner.close(), later.close()])
  })
})
