import { expect, it } from 'vitest'
import { OUTCOME_PREFIX, PACK_PREFIX } from '../../src/cas/layout.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Finding } from '../../src/engine/verify.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { testSealing } from '../cas/test-sealing.ts'
import { contentOf, flipBit, keysBelow, restoreContent } from '../damaged/damage.ts'
import { bytesContent } from '../dag/contents.ts'
import { artifactSource } from './artifact-source.ts'

const sealing = testSealing()

it('a sealed repository is healed from a copy of it, and from its sources', async () => {
  const backend = memoryBackend()
  const content = bytesContent(seededBytes(400_000, 'matrix'))
  const source = artifactSource('it', () => [{ id: 'it/matrix/x', kind: 'matrix', content }])
  const { id } = await createSnapshot(await createRepository(backend, { sealing }), { sources: [source], description: '' })
  const intact = await contentOf(backend)
  const other = memoryBackend()
  await restoreContent(other, intact)
  const errors = async (): Promise<Finding[]> => (await Array.fromAsync(verifyRepository(await openRepository(backend, { sealing }), { readData: 'all' }))).filter(({ severity }) => severity === 'error')
  const [pack] = (await keysBelow(backend, PACK_PREFIX)).sort((a, b) => intact.get(b)!.length - intact.get(a)!.length)
  for (const request of [{ donors: [await openRepository(other, { sealing })] }, { sources: [source] }]) {
    await restoreContent(backend, intact)
    await flipBit(backend, pack!, 100_000)
    expect((await errors()).length).toBeGreaterThan(0)
    const { healed, lost, left } = await repairRepository(await openRepository(backend, { sealing }), request)
    expect([healed.length > 0, lost, left]).toEqual([true, [], []])
    expect(await errors()).toEqual([])
  }
  await flipBit(backend, OUTCOME_PREFIX + id, 120)
  expect(await repairRepository(await openRepository(backend, { sealing }), { donors: [await openRepository(other, { sealing })] })).toMatchObject({ healedRecords: [{ key: OUTCOME_PREFIX + id }], left: [], lost: [] })
  expect(await errors()).toEqual([])
})
