import { expect, it } from 'vitest'
import type { Copy } from '../../src/cas/copy.ts'
import { OUTCOME_PREFIX, PACK_PREFIX, packKey } from '../../src/cas/layout.ts'
import type { SegmentRange } from '../../src/cas/object-seal.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { openHead } from '../../src/cas/sealed-object.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Finding } from '../../src/engine/verify.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { testSealing } from '../cas/test-sealing.ts'
import { contentOf, flipBit, keysBelow, restoreContent } from '../damaged/damage.ts'
import { SEED, bytesContent } from '../dag/contents.ts'
import { artifactSource } from './artifact-source.ts'

const sealing = testSealing()

/** A stored byte of a segment that holds nothing but chunks: blobs are shuffled, and no source has blocks. */
async function placeAmongChunks (backend: StorageBackend, pack: string): Promise<number> {
  const stored = Buffer.from((await backend.get(pack))!)
  const seal = await openHead(pack, stored, sealing)
  const repository = await openRepository(backend, { sealing })
  const copies = (await Array.fromAsync(repository.list(), address => repository.locate(address)!)).filter(copy => packKey(copy.pack) === pack)
  const rangeOf = ({ offset, stored: length }: Copy): SegmentRange => seal.rangeOf(offset, offset + length)
  const withBlocks = copies.filter(({ plain }) => plain < 8_192).map(rangeOf)
  const last = Math.max(...copies.map(copy => rangeOf(copy).offset))
  for (const { offset } of copies.map(rangeOf)) {
    if (offset > stored.length / 10 && offset < last && !withBlocks.some(each => each.offset <= offset && offset < each.offset + each.length)) return offset + 1_000
  }
  throw new Error('every segment holds a block')
}

it('a sealed repository is healed from a copy of it, and from its sources', async () => {
  const backend = memoryBackend()
  const content = bytesContent(seededBytes(1_200_000, 'matrix'))
  const source = artifactSource('it', () => [{ id: 'it/matrix/x', kind: 'matrix', content }])
  const { id } = await createSnapshot(await createRepository(backend, { seed: SEED, sealing, chunker: { min: 16_384, average: 65_536, max: 262_144 } }), { sources: [source], description: '' })
  const intact = await contentOf(backend)
  const other = memoryBackend()
  await restoreContent(other, intact)
  const errors = async (): Promise<Finding[]> => (await Array.fromAsync(verifyRepository(await openRepository(backend, { sealing }), { readData: 'all' }))).filter(({ severity }) => severity === 'error')
  const [pack] = (await keysBelow(backend, PACK_PREFIX)).sort((a, b) => intact.get(b)!.length - intact.get(a)!.length)
  for (const request of [{ donors: [await openRepository(other, { sealing })] }, { sources: [source] }]) {
    await restoreContent(backend, intact)
    await flipBit(backend, pack!, await placeAmongChunks(backend, pack!))
    expect((await errors()).length).toBeGreaterThan(0)
    const { healed, lost, left } = await repairRepository(await openRepository(backend, { sealing }), request)
    expect([healed.length > 0, lost, left]).toEqual([true, [], []])
    expect(await errors()).toEqual([])
  }
  await flipBit(backend, OUTCOME_PREFIX + id, 120)
  expect(await repairRepository(await openRepository(backend, { sealing }), { donors: [await openRepository(other, { sealing })] })).toMatchObject({ healedRecords: [{ key: OUTCOME_PREFIX + id }], left: [], lost: [] })
  expect(await errors()).toEqual([])
})
