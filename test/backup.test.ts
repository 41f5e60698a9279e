import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AikoRyuBackupManager } from '../src/engine/aiko-ryu-backup-manager.ts'
import type { BackupManagerOptions } from '../src/engine/aiko-ryu-backup-manager.ts'
import type { RegenerationPolicy } from '../src/engine/contract.ts'
import type { BackupEvents } from '../src/engine/events.ts'
import { directoryBackend } from '../src/storage/directory-backend.ts'
import type { Validator } from '../src/trust/validator.ts'

let folder: string
let managers: AikoRyuBackupManager[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-backup-'))
  managers = []
})

afterEach(async () => {
  await Promise.all(managers.map(async manager => { await manager.close() }))
  await rm(folder, { recursive: true })
})

function manage (options: BackupManagerOptions = {}): AikoRyuBackupManager {
  const manager = new AikoRyuBackupManager({ backend: directoryBackend(join(folder, '.backups')), ...options })
  managers.push(manager)
  return manager
}

/** Collects every event of one kind. */
function listen<K extends keyof BackupEvents> (manager: AikoRyuBackupManager, name: K): Array<BackupEvents[K][0]> {
  const events: Array<BackupEvents[K][0]> = []
  manager.events.on<keyof BackupEvents>(name, (event: unknown) => { events.push(event as BackupEvents[K][0]) })
  return events
}

const full: RegenerationPolicy = { strategy: 'full', validateBeforeRestore: true, preserveHistory: false, maxSnapshots: 10, ttlDays: 30 }

describe('Content-Addressable Storage', () => {
  it('stores a value under the SHA-256 of its canonical JSON and gives it back', async () => {
    const cas = await manage().cas()
    const hash = await cas.store({ b: [1, null, 'ção'], a: true })
    expect(hash).toBe(createHash('sha256').update('{"a":true,"b":[1,null,"ção"]}').digest('hex'))
    expect(await cas.retrieve(hash)).toEqual({ a: true, b: [1, null, 'ção'] })
    expect(cas.exists(hash)).toBe(true)
  })

  it('stores bytes under their own SHA-256', async () => {
    const cas = await manage().cas()
    const bytes = Buffer.from([0, 255, 1, 254])
    const hash = await cas.store(bytes)
    expect(hash).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(Buffer.from(await cas.retrieve(hash) as Uint8Array)).toEqual(bytes)
  })

  it('keeps equal contents once', async () => {
    const cas = await manage().cas()
    const hashes = await Promise.all([cas.store({ x: 1 }), cas.store({ x: 1 })])
    expect(await cas.store({ x: 1 })).toBe(hashes[0])
    expect(await cas.list()).toEqual([hashes[0]])
  })

  it('says what is not there', async () => {
    const cas = await manage().cas()
    const absent = '0'.repeat(64)
    expect(cas.exists(absent)).toBe(false)
    expect(await cas.delete(absent)).toBe(false)
    await expect(cas.retrieve(absent)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    await expect(cas.retrieve('../../etc/passwd')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('deletes what no snapshot needs, and refuses to delete what one does', async () => {
    const manager = manage()
    const cas = await manager.cas()
    const loose = await cas.store('loose')
    manager.addOutput({ id: 'kept', value: 'kept' })
    await manager.createSnapshot('with one output')
    const kept = await cas.store('kept')
    expect(await cas.delete(loose)).toBe(true)
    expect(cas.exists(loose)).toBe(false)
    await expect(cas.delete(kept)).rejects.toMatchObject({ code: 'BLOB_IN_USE' })
    expect(await cas.retrieve(kept)).toBe('kept')
  })

  it('finds everything again after the process and the Level folder are gone', async () => {
    const first = manage()
    const hash = await (await first.cas()).store({ durable: true })
    await first.close()
    await rm(join(folder, '.backups', 'metadata', 'level'), { recursive: true })
    expect(await (await manage().cas()).retrieve(hash)).toEqual({ durable: true })
  })
})

describe('Metadata DAG', () => {
  it('holds every output as a node with its deps, hash and provenance', async () => {
    const manager = manage()
    manager.addOutput({ id: 'facts', value: [1, 2], agentId: 'ryu', traceId: 'trace-7', designIntent: 'keep what was learned', userRequirement: 'remember me' })
    manager.addOutput({ id: 'summary', value: 'three', deps: ['facts'], agentId: 'aiko' })
    const dag = await (await manager.createSnapshot('a graph')).dag()
    const facts = dag.nodes['agents/output/facts']
    expect(facts).toMatchObject({ hash: createHash('sha256').update('[1,2]').digest('hex'), deps: [], status: 'completed', agentId: 'ryu', traceId: 'trace-7' })
    expect(facts?.metadata).toMatchObject({ designIntent: 'keep what was learned', userRequirement: 'remember me', outputHashes: [facts?.hash] })
    expect(dag.nodes['agents/output/summary']?.metadata.inputHashes).toEqual([facts?.hash])
    expect(dag.edges).toEqual([{ from: 'agents/output/facts', to: 'agents/output/summary' }])
    expect(dag).toMatchObject({ consensus: true, validatedBy: ['local'] })
  })

  it('refuses a cycle and shows its path, and nothing becomes visible', async () => {
    const manager = manage()
    const failures = listen(manager, 'backup.validation.failed')
    manager.addOutput({ id: 'a', value: 1, deps: ['b'] })
    manager.addOutput({ id: 'b', value: 2, deps: ['c'] })
    manager.addOutput({ id: 'c', value: 3, deps: ['a'] })
    await expect(manager.createSnapshot('round and round')).rejects.toMatchObject({ code: 'DAG_CYCLE' })
    await expect(manager.createSnapshot('round and round')).rejects.toThrow(/output\/a → .*output\/b → .*output\/c → .*output\/a/)
    expect(await manager.listSnapshots()).toEqual([])
    expect(failures.map(({ code }) => code)).toEqual(['DAG_CYCLE', 'DAG_CYCLE'])
  })

  it('refuses a dep that is not there', async () => {
    const manager = manage()
    manager.addOutput({ id: 'a', value: 1, deps: ['postgres/rows/public.nowhere'] })
    await expect(manager.createSnapshot('dangling')).rejects.toMatchObject({ code: 'DEP_MISSING' })
  })

  it('takes over the block of a node that did not change', async () => {
    const manager = manage()
    manager.addOutput({ id: 'same', value: 'same', userRequirement: 'first' })
    const first = await (await manager.createSnapshot('one')).dag()
    manager.addOutput({ id: 'new', value: 'new' })
    const second = await (await manager.createSnapshot('two')).dag()
    expect(second.nodes['agents/output/same']).toEqual(first.nodes['agents/output/same'])
  })

  it('makes nothing visible when a validator refuses', async () => {
    const refusing: Validator = { name: 'doubter', validate: async () => ({ validator: 'doubter', accepts: false, checked: 'dag', blobs: 0, errors: ['I doubt it'] }) }
    const manager = manage({ validators: [refusing] })
    const failures = listen(manager, 'backup.validation.failed')
    manager.addOutput({ id: 'x', value: 1 })
    await expect(manager.createSnapshot('no')).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED' })
    expect(await manager.listSnapshots()).toEqual([])
    expect(failures).toHaveLength(1)
  })

  it('counts a validator once, however often it is given', async () => {
    const yes = (name: string): Validator => ({ name, validate: async () => ({ validator: name, accepts: true, checked: 'dag', blobs: 0, errors: [] }) })
    const manager = manage({ validators: [yes('one'), yes('one')], threshold: 2 })
    await expect(manager.createSnapshot('twice the same voice')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('handles a chain of thousands of outputs without a deep stack', async () => {
    const manager = manage()
    for (let number = 0; number < 3_000; number++) manager.addOutput({ id: `${number}`, value: number, deps: number === 0 ? [] : [`${number - 1}`] })
    const { edges } = await (await manager.createSnapshot('long')).dag()
    expect(edges).toHaveLength(2_999)
  }, 60_000)
})

describe('DDD/SDD Alignment', () => {
  it('works with no argument, on .backups in the current folder', async () => {
    const before = process.cwd()
    process.chdir(folder)
    try {
      const manager = new AikoRyuBackupManager()
      managers.push(manager)
      manager.addOutput({ id: 'x', value: 1 })
      await manager.createSnapshot('Production system backup', ['production', 'stable'])
      expect(await readdir(join(folder, '.backups'))).toEqual(expect.arrayContaining(['config.json', 'blobs', 'metadata', 'outcomes']))
      expect(JSON.parse(await readFile(join(folder, '.backups/metadata/snapshots.json'), 'utf8'))).toMatchObject({ snapshots: [{ description: 'Production system backup' }] })
    } finally {
      process.chdir(before)
    }
  })

  it('brings outputs back as they were', async () => {
    const manager = manage()
    manager.addOutput({ id: 'plan', value: { steps: [1] } })
    const { id } = await manager.createSnapshot('before')
    manager.addOutput({ id: 'plan', value: { steps: ['worse'] } })
    expect(await manager.restoreSnapshot(id)).toEqual({ isValid: true, errors: [], warnings: [] })
    expect(manager.outputs.get('plan')).toEqual({ steps: [1] })
  })

  it('restores into a new process', async () => {
    const first = manage()
    first.addOutput({ id: 'plan', value: 'kept' })
    const { id } = await first.createSnapshot('before')
    await first.close()
    const second = manage()
    await second.restoreSnapshot(id)
    expect(second.outputs.get('plan')).toBe('kept')
  })

  it('keeps what a restore replaces as a snapshot when history is to be preserved', async () => {
    const manager = manage()
    manager.addOutput({ id: 'plan', value: 'old' })
    const { id } = await manager.createSnapshot('old')
    manager.addOutput({ id: 'plan', value: 'newer' })
    await manager.restoreSnapshot(id)
    const [kept] = (await manager.listSnapshots()).filter(({ tags }) => tags.includes('before-restore'))
    await manager.restoreSnapshot(kept!.id, full)
    expect(manager.outputs.get('plan')).toBe('newer')
  })

  it('leaves alone what is already equal, unless told to restore in full', async () => {
    const manager = manage()
    const restored = listen(manager, 'backup.snapshot.restored')
    manager.addOutput({ id: 'a', value: 1 })
    manager.addOutput({ id: 'b', value: 2 })
    const { id } = await manager.createSnapshot('two')
    manager.addOutput({ id: 'b', value: 3 })
    await manager.restoreSnapshot(id, { ...full, strategy: 'incremental' })
    await manager.restoreSnapshot(id, full)
    expect(restored.map(event => [event.restored, event.skipped])).toEqual([[1, 1], [2, 0]])
  })

  it('restores what is selected, with what it depends on or without', async () => {
    const manager = manage()
    manager.addOutput({ id: 'a', value: 1 })
    manager.addOutput({ id: 'b', value: 2, deps: ['a'] })
    const { id } = await manager.createSnapshot('two')
    const only = async (withDependencies: boolean): Promise<string[]> => {
      const other = manage()
      await other.restoreSnapshot(id, { ...full, strategy: 'selective', select: { nodes: ['agents/output/b'], withDependencies } })
      return other.outputs.ids()
    }
    expect(await only(false)).toEqual(['b'])
    expect(await only(true)).toEqual(['a', 'b'])
  })

  it('says plainly that a snapshot does not exist', async () => {
    await expect(manage().restoreSnapshot('ffffffffffff')).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
    expect(await manage().deleteSnapshot('ffffffffffff')).toBe(false)
  })

  it('forgets, collects, and returns the addresses that are gone, and no other', async () => {
    const manager = manage({ policy: { maxSnapshots: 1 } })
    const collected = listen(manager, 'backup.garbage.collected')
    manager.addOutput({ id: 'x', value: 'only in the first snapshot' })
    await manager.createSnapshot('one')
    const gone = createHash('sha256').update('"only in the first snapshot"').digest('hex')
    manager.addOutput({ id: 'x', value: 'in the second one' })
    const { id } = await manager.createSnapshot('two')
    const removed = await manager.garbageCollect()
    expect(removed).toContain(gone)
    expect((await manager.cas()).exists(gone)).toBe(false)
    expect(await manager.restoreSnapshot(id, full)).toMatchObject({ isValid: true })
    expect(collected[0]?.removed).toBe(removed.length)
  })

  it('emits each act with ids, counts, bytes, duration and a trace', async () => {
    const manager = manage()
    const created = listen(manager, 'backup.snapshot.created')
    manager.addOutput({ id: 'x', value: 'y'.repeat(1000) })
    const { id, root } = await manager.createSnapshot('one')
    expect(created).toMatchObject([{ snapshotId: id, root, nodes: 1, sizeBytes: 1002 }])
    expect(created[0]!.storedBytes).toBeGreaterThan(0)
    expect(created[0]!.durationMs).toBeGreaterThan(0)
    expect(created[0]!.traceId).toMatch(/^[0-9a-f-]{36}$/)
  })
})
