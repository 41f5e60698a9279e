import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import type { CreatedSnapshot } from '../../src/engine/snapshot.ts'
import { findView, listViews } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { createKeys } from '../../src/trust/keys/create-keys.ts'
import { newIdentity, recipientOf } from '../../src/trust/keys/age-identity.ts'
import { unlockKeys } from '../../src/trust/keys/unlock-keys.ts'
import { workerSealing } from '../../src/trust/keys/worker-sealing.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { SEED, bytesContent, seeded, tableOf } from '../dag/contents.ts'
import { MemoryRestorer } from '../torture/memory-restorer.ts'
import { fingerprint } from '../torture/fingerprint.ts'
import { artifactSource } from './artifact-source.ts'

const ROWS = 6_000

let folder: string
let backend: StorageBackend
let identity: string
let recipient: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-sealed-'))
  backend = memoryBackend()
  identity = await newIdentity()
  const keys = await createKeys(backend, { recipients: [await recipientOf(identity)], label: 'test' })
  recipient = keys.recipient
  await (await createRepository(backend, { seed: SEED, sealing: keys })).close()
})
afterEach(async () => { await rm(folder, { recursive: true }) })

const openFull = async (): Promise<Repository> => {
  const keys = await unlockKeys(backend, { identities: [identity] })
  return await openRepository(backend, { sealing: keys, log: { keys, stateFolder: join(folder, 'state') } })
}
const openWorker = async (): Promise<Repository> =>
  await openRepository(backend, { sealing: await workerSealing(backend, recipient), access: 'write-only', cacheFolder: join(folder, 'own'), log: { stateFolder: join(folder, 'worker') } })

const table = Array.from({ length: ROWS }, (_, id) => `${id}\t${seededBytes(40, id).toString('hex')}`)

/** A table in which on each day one row in a hundred has changed. */
function linesOf (day: number): string[] {
  return table.map((line, id) => seeded(`${id}`, 100) < day ? `${id}\tday ${day}` : line)
}

/** That table, and a matrix that stays. */
function source (day: number): ReturnType<typeof artifactSource> {
  const lines = linesOf(day)
  return artifactSource('app', () => [
    { id: 'app/rows/public.facts', kind: 'pg.rows', content: tableOf(lines) },
    { id: 'app/matrix/x', kind: 'matrix', content: bytesContent(seededBytes(200_000, 'matrix')) },
  ])
}

async function take (repository: Repository, day: number, project?: string): Promise<CreatedSnapshot> {
  try {
    return await createSnapshot(repository, { sources: [source(day)], description: `day ${day}`, project })
  } finally {
    await repository.close()
  }
}

/** Restores the snapshot and compares what came back with that day's content. */
async function checkRestored ({ id }: CreatedSnapshot, day: number): Promise<void> {
  const repository = await openFull()
  const restorer = new MemoryRestorer('app')
  await restoreSnapshot(repository, id, { restorers: [restorer] })
  expect(restorer.contents.get('app/matrix/x')).toBe(await fingerprint(bytesContent(seededBytes(200_000, 'matrix'))))
  expect(restorer.contents.get('app/rows/public.facts')).toBe(await fingerprint(bytesContent(Buffer.from(linesOf(day).map(line => `${line}\n`).join('')))))
  await repository.close()
}

async function findings (): Promise<unknown[]> {
  const repository = await openFull()
  return await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))
}

describe('a sealed repository', () => {
  it('is snapshot, verified, restored, collected and repaired as any other', async () => {
    const first = await take(await openFull(), 0)
    const second = await take(await openFull(), 1)
    expect(second.storedBytes).toBeLessThan(first.storedBytes / 5) // deltas
    expect(await findings()).toEqual([])
    await checkRestored(second, 1)
    const repository = await openFull()
    await applyForget(repository, await planForget(repository, { references: [first.id] }))
    await collectGarbage(repository)
    expect(await repairRepository(repository)).toMatchObject({ left: [] })
    expect((await listViews(repository)).map(view => view.id)).toEqual([second.id])
    await checkRestored(second, 1)
    expect(await findings()).toEqual([])
  })

  it('is verified to the end, and every damaged object named, whichever bit of a header or segment is flipped', async () => {
    await take(await openFull(), 0)
    const sealedKeys = (await Array.fromAsync(backend.list(''))).map(({ key }) => key).filter(key => /^(blobs|metadata\/index)\/|snapshots.json/.test(key))
    expect(sealedKeys.length).toBeGreaterThanOrEqual(3)
    for (const key of sealedKeys) {
      const intact = (await backend.get(key))!
      for (const position of [3, 14, 25, 70, intact.length - 9]) {
        const damaged = Buffer.from(intact)
        damaged[position]! ^= 4
        await backend.put(key, damaged)
        expect((await findings() as Array<{ key?: string }>).map(finding => finding.key), `byte ${position} of ${key}`).toContain(key)
      }
      await backend.put(key, intact)
    }
    expect(await findings()).toEqual([])
  })

  it('keeps its catalogue from those without a key', async () => {
    await take(await openFull(), 0)
    expect(Buffer.from((await backend.get('metadata/snapshots.json'))!).includes('day 0')).toBe(false)
    expect(Buffer.from((await (await openFull()).backend.get('metadata/snapshots.json'))!).includes('day 0')).toBe(true)
  })
})

describe('a writer without a key', () => {
  it('makes snapshots that a holder of the key restores, and names its last one as parent', async () => {
    const first = await take(await openWorker(), 0)
    const second = await take(await openWorker(), 1)
    expect(second.validatedBy).toEqual(['local'])
    const repository = await openFull()
    expect((await findView(repository, second.id)).block.parents.map(String)).toEqual([first.root.toString()])
    await repository.close()
    await checkRestored(first, 0)
    await checkRestored(second, 1)
    expect(await findings()).toEqual([])
  })

  it('stores again what changed as a whole, and what did not change not at all', async () => {
    const first = await take(await openWorker(), 0)
    const same = await take(await openWorker(), 0)
    expect(same.storedBytes).toBeLessThan(10_000) // its blocks
    const changed = await take(await openWorker(), 1)
    expect(changed.storedBytes).toBeGreaterThan(first.storedBytes / 3) // one row in a hundred changes every chunk of rows
  })

  it('goes on when its last snapshot was forgotten, and beside holders of the key', async () => {
    const first = await take(await openWorker(), 0)
    const repository = await openFull()
    await applyForget(repository, await planForget(repository, { references: [first.id] }))
    await collectGarbage(repository)
    await repository.close()
    const second = await take(await openWorker(), 1)
    const third = await take(await openFull(), 2)
    const view = await findView(await openFull(), third.id)
    expect(view.block.parents.map(String)).toEqual([second.root.toString()]) // a holder of the key goes on with the line
    expect(third.storedBytes).toBeLessThan(second.storedBytes / 5)
    await checkRestored(second, 1)
    await checkRestored(third, 2)
    expect(await findings()).toEqual([])
  })

  it('begins a line anew in another project, or when it has lost its memory', async () => {
    const first = await take(await openWorker(), 0)
    const parentsOf = async ({ id }: CreatedSnapshot): Promise<string[]> => (await findView(await openFull(), id)).block.parents.map(String)
    expect(await parentsOf(await take(await openWorker(), 0, '../other project'))).toEqual([])
    expect(await parentsOf(await take(await openWorker(), 0))).toEqual([first.root.toString()])
    await rm(join(folder, 'own'), { recursive: true })
    expect(await parentsOf(await take(await openWorker(), 0))).toEqual([])
    expect(await findings()).toEqual([])
  })

  it('cannot read what it has stored with an earlier key', async () => {
    const first = await take(await openWorker(), 0)
    const repository = await openWorker()
    await expect(repository.get(Buffer.from(first.root.multihash.digest).toString('hex'))).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await expect(listViews(repository)).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await expect(restoreSnapshot(repository, first.id, { restorers: [new MemoryRestorer('app')] })).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await expect(collectGarbage(repository)).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await expect(Array.fromAsync(verifyRepository(repository))).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await expect(repairRepository(repository)).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await repository.close()
  })
})
