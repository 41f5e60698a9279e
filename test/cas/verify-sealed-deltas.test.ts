import { expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { createRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes } from './seeded-bytes.ts'
import { commitment } from './snapshots.ts'
import { testSealing } from './test-sealing.ts'

const MiB = 1024 * 1024

it('reads a sealed repository twice to verify it, whose deltas stand in another order than their bases', async () => {
  const backend = countingBackend(memoryBackend())
  const repository = await createRepository(backend, { sealing: testSealing() })
  const bases = Array.from({ length: 1_600 }, (_, i) => seededBytes(40_000, `base ${i}`))
  const writer = await repository.openWriter()
  for (const bytes of bases) await writer.put(bytes, { kind: 'chunk' })
  await writer.commit(commitment)
  const day = await repository.openWriter()
  for (const [i, bytes] of bases.entries()) {
    const changed = Buffer.concat([bytes, Buffer.from(`changed ${i}`)])
    expect((await day.put(changed, { base: addressOf(bytes), kind: 'chunk' })).storedBytes).toBeLessThan(1_000)
  }
  await day.commit(commitment)
  backend.bytesRead = 0
  expect(await Array.fromAsync(verifyStorage(repository))).toEqual([])
  const stored = bases.length * 40_000
  expect(backend.bytesRead).toBeGreaterThan(stored)
  expect(backend.bytesRead).toBeLessThan(2.2 * stored + 8 * MiB)
  await repository.close()
})
