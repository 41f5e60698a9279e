import { beforeEach, expect, it } from 'vitest'
import { OUTCOME_PREFIX } from '../../src/cas/layout.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { addressOf } from '../../src/dag/block.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { flipBit } from '../damaged/damage.ts'
import { flipBlob } from './flip-blob.ts'

let repository: Repository
let damaged: string
let intact: string

beforeEach(async () => {
  const backend = memoryBackend()
  // The ids of both snapshots begin with the same four digits.
  let names = 0
  const random = (length: number): Uint8Array => Buffer.from(`abcd${String(++names).padStart(2 * length - 4, '0')}`, 'hex')
  const making = await createRepository(backend, { random })
  const outputs = new AgentOutputs()
  outputs.add({ id: 'plan', value: 'listen' })
  damaged = (await createSnapshot(making, { sources: [outputs], description: 'damaged' })).id
  intact = (await createSnapshot(making, { sources: [outputs], description: 'intact' })).id
  await flipBlob(making, addressOf((await findView(making, damaged)).root))
  repository = await openRepository(backend, { random })
})

it('forgets a snapshot of which the root block is lost, by its id or the beginning of it, and collects it', async () => {
  await expect(findView(repository, damaged)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' })
  const plan = await planForget(repository, { references: [damaged] })
  expect(plan.forget).toMatchObject([{ snapshot: { id: damaged, project: undefined }, reasons: ['named', expect.stringMatching(/^damaged: /)] }])
  expect(await applyForget(repository, plan)).toEqual([damaged])
  expect(await repository.visible()).toMatchObject([{ id: intact }])
  await collectGarbage(repository, { maxWaste: 0 })
  expect(await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))).toEqual([])
})

it('refuses a beginning that an intact snapshot has too', async () => {
  await expect(planForget(repository, { references: ['abcd'] })).rejects.toMatchObject({ code: 'SNAPSHOT_AMBIGUOUS', data: { ids: [damaged, intact] } })
  await expect(planForget(repository, { references: ['ffff'] })).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
})

it('never forgets a damaged snapshot by a rule, and is not stopped by it', async () => {
  const plan = await planForget(repository, { retention: { ttlDays: 0, maxSnapshots: 0 }, now: new Date('2100-01-01') })
  expect(plan.keep.map(({ snapshot }) => snapshot.id)).toEqual([damaged, intact])
  expect(plan.forget).toEqual([])
})

it('forgets a snapshot of which the commit record is damaged', async () => {
  await flipBit(repository.backend, OUTCOME_PREFIX + intact, 40)
  const fresh = await openRepository(repository.backend)
  await expect(collectGarbage(fresh)).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
  for (const id of [intact, damaged]) await applyForget(fresh, await planForget(fresh, { references: [id] }))
  expect(await fresh.visible()).toEqual([])
  await collectGarbage(fresh)
})
