import { beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage, planGarbage } from '../../src/engine/garbage.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import type { CreatedSnapshot } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { localValidator } from '../../src/trust/local-validator.ts'
import type { Validator } from '../../src/trust/validator.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { WatchedBackend } from '../cas/watched-backend.ts'
import { bytesContent } from '../dag/contents.ts'
import { artifactSource } from './artifact-source.ts'

let backend: StorageBackend
let repository: Repository

beforeEach(async () => {
  backend = memoryBackend()
  repository = await createRepository(backend)
})

/** A snapshot of something that never changes: its node is taken over from the parent. */
async function snapshot (by: Repository, validators?: readonly Validator[]): Promise<CreatedSnapshot> {
  const content = bytesContent(seededBytes(20_000, 'unchanging'))
  return await createSnapshot(by, { sources: [artifactSource('it', () => [{ id: 'it/matrix/x', kind: 'matrix', content }])], description: '', validators })
}

async function forget (id: string): Promise<void> {
  await applyForget(repository, await planForget(repository, { references: [id] }))
}

/** A validator that lets its snapshot wait. */
function stopper (): { readonly validator: Validator, readonly reached: Promise<undefined>, release (): void } {
  const { promise: reached, resolve: arrive } = Promise.withResolvers<undefined>()
  const { promise: released, resolve: release } = Promise.withResolvers<undefined>()
  const local = localValidator()
  return {
    reached,
    release: () => { release(undefined) },
    validator: {
      name: local.name,
      async validate (proposal, options) {
        arrive(undefined)
        await released
        return await local.validate(proposal, options)
      },
    },
  }
}

describe('collecting garbage', () => {
  it('keeps what a snapshot took over from a parent that is forgotten while roots are looked for', async () => {
    const grandparent = await snapshot(repository)
    const parent = await snapshot(repository)
    await forget(grandparent.id) // What it had alone makes the pack with the common node worth collecting.
    const watched = new WatchedBackend(backend)
    const collector = await openRepository(watched)
    const { validator, reached, release } = stopper()
    let made: Promise<CreatedSnapshot> | undefined
    // The plans are listed by who finds garbage, by who makes a plan of that, and before it is marked once more.
    watched.before('plans/', async () => {
      watched.before('forgotten/', async () => {
        made = snapshot(await openRepository(backend), [validator])
        await reached
        await forget(parent.id)
        watched.before('sessions/', async () => {
          release()
          await made
        })
      })
    }, { after: 2 })
    expect(await collectGarbage(collector, { maxWaste: 0 })).toMatchObject({ packsDeleted: 1 })
    expect(await made).toMatchObject({ unchangedNodes: 1 })
    expect(await Array.fromAsync(verifyRepository(await openRepository(backend), { readData: 'all' }))).toEqual([])
  })

  describe('when snapshots come and go while it waits', () => {
    const [one, other] = ['one', 'other'].map(seed => seededBytes(20_000, seed)) as [Buffer, Buffer]
    const snapshotOf = async (contents: readonly Buffer[], validators?: readonly Validator[]): Promise<CreatedSnapshot> => {
      const source = artifactSource('it', () => contents.map((bytes, i) => ({ id: `it/matrix/${i}`, kind: 'matrix', content: bytesContent(bytes) })))
      return await createSnapshot(repository, { sources: [source], description: '', validators })
    }

    it('keeps what nothing needed when it began, and a snapshot came to need', async () => {
      await snapshotOf([other])
      await forget((await snapshotOf([one])).id)
      const { validator, reached, release } = stopper()
      const made = snapshotOf([one], [validator])
      await reached
      expect(await collectGarbage(repository, { maxWaste: 0, onWait: release })).toMatchObject({ packsDeleted: 1 })
      await made
      expect(await Array.fromAsync(verifyRepository(await openRepository(backend), { readData: 'all' }))).toEqual([])
    })

    it.each([false, true])('frees what was needed when it began, if that was forgotten (%s)', async isForgotten => {
      const both = await snapshotOf([one, other])
      const { id } = await snapshotOf([one])
      await forget(both.id) // so that the pack in which both are is worth collecting
      const reader = await repository.openReader()
      const goOn = async (): Promise<void> => {
        if (isForgotten) await forget(id)
        await reader.close()
      }
      const { removed } = await collectGarbage(repository, { maxWaste: 0, onWait: () => { void goOn() } })
      expect([one, other].map(bytes => removed.includes(addressOf(bytes)))).toEqual([isForgotten, true])
    })
  })

  it('is not stopped by who names a snapshot that was collected before', async () => {
    const { id } = await snapshot(repository)
    await forget(id)
    await collectGarbage(repository)
    const watched = new WatchedBackend(backend)
    const late = await openRepository(watched)
    let plan: Awaited<ReturnType<typeof planGarbage>> | undefined
    // The plans are read after the session is published, and before its snapshots are looked at.
    watched.before('plans/', async () => { plan = await planGarbage(repository) })
    await expect(late.openReader({ snapshots: [id] })).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
    expect(plan).toMatchObject({ packs: [] })
  })
})
