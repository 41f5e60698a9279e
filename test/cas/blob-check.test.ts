import { describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { packKey } from '../../src/cas/layout.ts'
import { createRepository } from '../../src/cas/repository.ts'
import type { OpenRepositoryOptions, Repository } from '../../src/cas/repository.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { testSealing } from './test-sealing.ts'

const small = Array.from({ length: 300 }, (_, i) => seededRows(i, i))
const blobs = [...small, seededBytes(400_000, 'raw'), seededRows(8_000, 'large')]
const addresses = blobs.map(addressOf)
const rows = seededRows(1_000, 'base')
const delta = Buffer.from(rows).fill('x', 10, 14)

async function filled (backend: StorageBackend, options: OpenRepositoryOptions = {}): Promise<Repository> {
  const repository = await createRepository(backend, { ...options, readCacheBytes: 0 })
  const writer = await repository.openWriter()
  for (const blob of blobs) await writer.put(blob)
  await writer.put(rows)
  await writer.put(delta, { base: addressOf(rows) })
  await writer.flush()
  await writer.discard()
  return repository
}

describe.each<[string, OpenRepositoryOptions]>([['plain', {}], ['sealed', { sealing: testSealing() }]])('the lengths of blobs in a %s repository', (_, options) => {
  it('are told in the order in which they were asked for, of many and of none', async () => {
    const repository = await filled(memoryBackend(), options)
    const backwards = addresses.toReversed()
    expect(await repository.lengths(backwards)).toEqual(blobs.toReversed().map(({ length }) => length))
    expect(await repository.lengths([])).toEqual([])
    await repository.close()
  })

  it('are not told of deltas, nor of what is not there', async () => {
    const repository = await filled(memoryBackend(), options)
    expect(await repository.lengths([addressOf(delta), addressOf(rows), '0'.repeat(64)])).toEqual([undefined, rows.length, undefined])
    await repository.close()
  })

  it('are not told where a bit flipped, while those of its neighbours are', async () => {
    const backend = memoryBackend()
    const repository = await filled(backend, options)
    const { pack, offset } = repository.locate(addresses[150]!)!
    const damaged = Buffer.from((await backend.get(packKey(pack)))!)
    const place = options.sealing === undefined ? offset + 12 : damaged.length - 20_000
    damaged[place]! ^= 1
    await backend.delete(packKey(pack))
    await backend.put(packKey(pack), damaged)
    const lengths = await repository.lengths(addresses)
    const lost = addresses.filter((_, index) => lengths[index] === undefined)
    if (options.sealing === undefined) expect(lost).toEqual([addresses[150]])
    else expect(lost.length).toBeGreaterThan(0)
    for (const address of lost) await expect(repository.get(address)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' })
    expect(lengths.filter(length => length !== undefined)).toEqual(blobs.filter(blob => !lost.includes(addressOf(blob))).map(({ length }) => length))
    await repository.close()
  })

  it('are not told after an abort', async () => {
    const repository = await filled(memoryBackend(), options)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(repository.lengths(addresses, { signal })).rejects.toThrow('enough')
    await repository.close()
  })
})
