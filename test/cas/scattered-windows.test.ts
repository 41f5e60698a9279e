import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Copy } from '../../src/cas/copy.ts'
import { packKey } from '../../src/cas/layout.ts'
import { ScatteredWindows } from '../../src/cas/scattered-windows.ts'
import { SealedBackend } from '../../src/cas/sealed-backend.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import type { CountingBackend } from '../../src/storage/counting-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes } from './seeded-bytes.ts'
import { testSealing } from './test-sealing.ts'

const MiB = 1024 * 1024
const PACK = 'ab'.repeat(16)
const bytes = seededBytes(5 * MiB, 'pack')
const copy = (offset: number, stored: number, pack = PACK): Copy => ({ pack, offset, stored, plain: stored, encoding: 0, depth: 0 })

let inner: CountingBackend
let backend: StorageBackend
let windows: ScatteredWindows

beforeEach(async () => {
  inner = countingBackend(memoryBackend())
  backend = new SealedBackend(inner, testSealing(), randomBytes)
  windows = new ScatteredWindows(backend)
  await backend.put(packKey(PACK), bytes)
})

async function read (place: Copy): Promise<Uint8Array | undefined> {
  return (await windows.lend(place))?.bytes
}

describe('windows of a shuffled pack', () => {
  it('give what stands there, wherever it begins and ends, fewer bytes at the end', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 5 * MiB }), fc.integer({ min: 0, max: 1.5 * MiB }), async (offset, stored) => {
      expect(bytes.subarray(offset, offset + stored).equals((await read(copy(offset, stored)))!)).toBe(true)
    }), { numRuns: 100 })
  })

  it('are read once each when many blobs are wanted in any order', async () => {
    const offsets = Array.from({ length: 250 }, (_, i) => (i * 7919 * 1000) % (5 * MiB - 20_000))
    for (const offset of offsets) await read(copy(offset, 20_000))
    expect(inner.calls.get).toBeLessThan(20)
    expect(inner.bytesRead).toBeLessThan(8 * MiB)
  })

  it('are not read for single blobs', async () => {
    for (let i = 0; i < 5; i++) await read(copy(i * MiB, 1_000))
    expect(inner.bytesRead).toBeLessThan(7 * 65_552 + 9_000)
  })

  it('are given up for a while where many packs are read a little', async () => {
    const packs = Array.from({ length: 12 }, (_, i) => String(i).padStart(32, 'cd'))
    for (const pack of packs) await backend.put(packKey(pack), bytes)
    for (let i = 0; i < 1_200; i++) await read(copy((i * 7919 * 1000) % (5 * MiB), 1_000, packs[i % 12]))
    expect(inner.bytesRead).toBeLessThan(1_200 * MiB / 2)
  })

  it('that have a broken segment still give the blobs in others', async () => {
    for (let i = 0; i < 10; i++) await read(copy(i * 1_000, 1_000))
    windows.forget(PACK)
    const key = packKey(PACK)
    const damaged = Buffer.from((await inner.get(key))!)
    damaged[5 * 65_552]! ^= 1
    await inner.put(key, damaged)
    let broken = 0
    for (let round = 0; round < 3; round++) {
      for (let offset = 0; offset < MiB; offset += 30_000) {
        try {
          expect(bytes.subarray(offset, offset + 500).equals((await read(copy(offset, 500)))!)).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'SEAL_BROKEN' })
          broken++
        }
      }
    }
    expect(broken).toBeGreaterThanOrEqual(3)
    expect(broken).toBeLessThanOrEqual(9) // Three blobs at most begin or end in it.
  })

  it('of a pack that is gone are absent', async () => {
    await read(copy(0, 10))
    await backend.delete(packKey(PACK))
    for (let i = 0; i < 20; i++) expect(await read(copy(i * 1_000, 10))).toBeUndefined()
  })
})
