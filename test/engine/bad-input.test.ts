import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packKey } from '../../src/cas/layout.ts'
import { openSessions } from '../../src/cas/open-sessions.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { exportArchive } from '../../src/engine/export.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { importArchive } from '../../src/engine/import.ts'
import { pendingRestores } from '../../src/engine/restore-journal.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, listViews } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { BackupError } from '../../src/errors.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import type { Restorer, Source } from '../../src/sources/source.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { bytesOf } from '../../src/stream.ts'

let repository: Repository
let outputs: AgentOutputs

beforeEach(async () => {
  repository = await createRepository(memoryBackend())
  outputs = new AgentOutputs()
  outputs.add({ id: 'plan', value: { steps: ['listen', 'answer'] } })
})

afterEach(async () => { await repository.close() })

/** A source of which the second artifact cannot be read, and that notes whether it was closed. */
function failing (name = 'broken'): Source & { closed: number } {
  const source = {
    name,
    closed: 0,
    capture: async () => ({
      async * artifacts () {
        yield { id: `${name}/matrix/fine`, kind: 'matrix' as const, deps: [], attributes: {}, content: { form: 'bytes' as const, read: () => bytesOf('fine') } }
        yield { id: `${name}/matrix/gone`, kind: 'matrix' as const, deps: [], attributes: {}, content: { form: 'bytes' as const, read: () => refuse() } }
      },
      finish: async () => ({ begin: '', end: '', facts: {}, notes: [] }),
      close: async () => { source.closed++ },
    }),
  }
  return source
}

async function * refuse (): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a beginning')
  throw new BackupError('SOURCE_CHANGED', 'table public.facts was dropped while it was read')
}

const visible = async (): Promise<number> => (await listViews(repository)).length

describe('a snapshot that cannot be taken', () => {
  it('makes nothing visible when a source fails in the middle, and closes every source', async () => {
    const [one, other] = [failing('one'), failing('other')]
    await expect(createSnapshot(repository, { sources: [one, other, outputs], description: 'no' })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    expect([one.closed, other.closed]).toEqual([1, 1])
    expect(await visible()).toBe(0)
    expect(await openSessions(repository.backend)).toEqual(new Map()) // a garbage collection has nobody to wait for
  })

  it('is refused when two sources have one name', async () => {
    await expect(createSnapshot(repository, { sources: [failing(), failing()], description: 'no' })).rejects.toMatchObject({ code: 'INVALID_OPTION', data: { name: 'broken' } })
  })

  it('is refused when two artifacts have one id', async () => {
    const twice: Source = { ...failing('twice'), capture: async () => ({ ...await outputs.capture(), async * artifacts () { yield * (await outputs.capture()).artifacts(); yield * (await outputs.capture()).artifacts() } }) }
    await expect(createSnapshot(repository, { sources: [twice], description: 'no' })).rejects.toMatchObject({ code: 'NODE_DUPLICATE' })
  })

  it('leaves the repository whole, whichever storage call fails', async () => {
    for (let call = 0, failed = true; failed; call++) {
      const storage = faultyBackend(memoryBackend())
      await (await createRepository(storage)).close()
      const tried = await openRepository(storage)
      storage.fail('put', { after: call, error: 'STORAGE_FULL' })
      const error: unknown = await createSnapshot(tried, { sources: [outputs], description: 'tried' }).then(() => undefined, (reason: unknown) => reason)
      failed = error !== undefined
      storage.heal()
      if (failed) expect(error).toMatchObject({ code: 'STORAGE_FULL' })
      const again = await openRepository(storage)
      expect((await listViews(again)).length).toBeLessThanOrEqual(1)
      await createSnapshot(again, { sources: [outputs], description: 'again' })
      expect(await Array.fromAsync(verifyRepository(again, { readData: 'all' }))).toEqual([])
      expect(call).toBeLessThan(30)
    }
  })

  it('stops when it is cancelled, and makes nothing visible', async () => {
    const stop = new AbortController()
    stop.abort(new BackupError('CANCELLED', 'enough'))
    await expect(createSnapshot(repository, { sources: [outputs], description: 'no', signal: stop.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await visible()).toBe(0)
  })
})

describe('a restore that cannot be done', () => {
  /** A restorer of the outputs that notes what happens to it. */
  function noting (name: string, fail?: 'check' | 'prepare' | 'commit'): Restorer & { acts: string[] } {
    const acts: string[] = []
    const act = (what: 'check' | 'prepare' | 'commit') => async () => {
      acts.push(what)
      if (fail === what) throw new BackupError('TARGET_FAILED', `${what} failed`)
    }
    return { name, acts, check: async () => { await act('check')(); return [] }, holds: async () => false, prepare: act('prepare'), commit: act('commit'), abort: async () => { acts.push('abort') }, close: async () => {} }
  }

  async function twoSources (): Promise<string> {
    const other = new AgentOutputs('others')
    other.add({ id: 'x', value: 1 })
    return (await createSnapshot(repository, { sources: [outputs, other], description: 'two' })).id
  }

  const policy = { strategy: 'full', preserveHistory: false } as const

  it('is refused before any target is touched when one of them sees a problem', async () => {
    const id = await twoSources()
    const first = noting('agents')
    const second = { ...noting('others'), check: async () => [{ code: 'TARGET_EXISTS' as const, message: 'there is one already' }] }
    await expect(restoreSnapshot(repository, id, { restorers: [first, second], policy })).rejects.toMatchObject({ code: 'TARGET_EXISTS', message: 'there is one already' })
    expect([first.acts, second.acts]).toEqual([['check'], []])
  })

  it('undoes what was prepared when another target fails to prepare', async () => {
    const id = await twoSources()
    const [first, second] = [noting('agents'), noting('others', 'prepare')]
    await expect(restoreSnapshot(repository, id, { restorers: [first, second], policy })).rejects.toMatchObject({ code: 'TARGET_FAILED' })
    expect(first.acts).toEqual(['check', 'prepare', 'abort'])
    expect(second.acts).toEqual(['check', 'prepare', 'abort'])
    expect(await pendingRestores(repository)).toEqual([])
  })

  it('undoes everything when the first commit fails, and keeps its journal when a later one does', async () => {
    const id = await twoSources()
    const [first, second] = [noting('agents', 'commit'), noting('others')]
    await expect(restoreSnapshot(repository, id, { restorers: [first, second], policy })).rejects.toMatchObject({ code: 'TARGET_FAILED' })
    expect(second.acts).toEqual(['check', 'prepare', 'abort'])
    expect(await pendingRestores(repository)).toEqual([])
    await expect(restoreSnapshot(repository, id, { restorers: [noting('agents'), noting('others', 'commit')], policy })).rejects.toMatchObject({ code: 'TARGET_FAILED' })
    expect(await pendingRestores(repository)).toMatchObject([{ stage: 'committing', snapshot: id }])
    await expect(restoreSnapshot(repository, id, { restorers: [noting('agents'), noting('others')], policy })).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
  })

  it('is refused when a source has no target', async () => {
    const id = await twoSources()
    await expect(restoreSnapshot(repository, id, { restorers: [noting('agents')], policy: { strategy: 'selective', select: { nodes: ['others/output/x'] } } })).rejects.toMatchObject({ code: 'INVALID_OPTION', data: { source: 'others' } })
  })

  it('touches no target when stored bytes are damaged, and names the artifact', async () => {
    const { id } = await createSnapshot(repository, { sources: [outputs], description: 'soon damaged' })
    const address = (await Array.fromAsync(repository.list())).find(one => one.length > 0 && repository.locate(one)?.plain === '{"steps":["listen","answer"]}'.length)
    const copy = repository.locate(address ?? '')
    if (copy === undefined) throw new Error('the output is stored')
    const pack = Buffer.from(await repository.backend.get(packKey(copy.pack)) ?? [])
    pack[copy.offset + 3]! ^= 1
    await repository.backend.put(packKey(copy.pack), pack)
    const fresh = await openRepository(repository.backend)
    const target = noting('agents')
    await expect(restoreSnapshot(fresh, id, { restorers: [target], policy })).rejects.toMatchObject({ code: 'NODE_INVALID', data: { id: 'agents/output/plan' } })
    expect(target.acts).toEqual([])
  })
})

describe('an archive that is damaged', () => {
  it('is refused whole: the repository stays as it was', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'caf-bad-archive-'))
    try {
      const { id } = await createSnapshot(repository, { sources: [outputs], description: 'exported' })
      const path = join(folder, 'x.caf')
      await exportArchive(repository, id, path)
      const bytes = await readFile(path)
      bytes[Math.floor(bytes.length / 3)]! ^= 4
      await writeFile(path, bytes)
      const empty = await createRepository(memoryBackend())
      await expect(importArchive(empty, path)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
      expect(await listViews(empty)).toEqual([])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('that is no archive at all is refused by name', async () => {
    await expect(importArchive(repository, 'package.json')).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' })
    await expect(importArchive(repository, 'no-such.caf')).rejects.toBeInstanceOf(BackupError)
  })
})

describe('agents\' outputs without a program that takes them back', () => {
  it('are left out of a whole restore, and counted', async () => {
    const { id } = await createSnapshot(repository, { sources: [outputs], description: 'one' })
    expect(await restoreSnapshot(repository, id, { restorers: [], policy: { preserveHistory: false } })).toMatchObject({ restored: 0, omitted: 1 })
    await expect(restoreSnapshot(repository, id, { restorers: [], policy: { strategy: 'selective', select: { nodes: ['agents/output/plan'] } } })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('a commit that names no CID', () => {
  it('stops neither new snapshots nor others, is found, and nothing is collected beside it', async () => {
    const writer = await repository.openWriter()
    await writer.commit({ root: 'nonsense', consensus: true, validatedBy: [], statements: [] })
    await expect(listViews(repository)).rejects.toMatchObject({ code: 'BLOCK_INVALID' })
    await createSnapshot(repository, { sources: [outputs], description: 'intact' })
    expect((await findView(repository, 'latest')).block.description).toBe('intact')
    expect(await Array.fromAsync(verifyRepository(repository))).toMatchObject([{ code: 'BLOCK_INVALID', key: `outcomes/${writer.id}` }])
    await expect(collectGarbage(repository)).rejects.toMatchObject({ code: 'BLOCK_INVALID' })
  })
})

describe('a snapshot whose root block is lost', () => {
  it('stops neither new snapshots nor others, and is named when it is asked for', async () => {
    const { id, root } = await createSnapshot(repository, { sources: [outputs], description: 'lost' })
    await createSnapshot(repository, { sources: [outputs], description: 'intact' })
    const copy = repository.locate(Buffer.from(root.multihash.digest).toString('hex'))
    if (copy === undefined) throw new Error('the root is stored')
    const pack = Buffer.from(await repository.backend.get(packKey(copy.pack)) ?? [])
    pack.fill(0xee, copy.offset + 4, copy.offset + 12)
    await repository.backend.put(packKey(copy.pack), pack)
    const fresh = await openRepository(repository.backend)
    await createSnapshot(fresh, { sources: [outputs], description: 'after the loss' })
    expect((await findView(fresh, 'latest')).block.description).toBe('after the loss')
    await expect(findView(fresh, id)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' })
    expect((await Array.fromAsync(verifyRepository(fresh))).map(({ code, message }) => [code, message.includes(id)])).toContainEqual(['BLOB_CORRUPT', true])
  })
})
