import { describe, expect, it } from 'vitest'
import { PackWindows } from '../../src/cas/pack-windows.ts'
import { packKey } from '../../src/cas/layout.ts'
import { ReadCache } from '../../src/cas/read-cache.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes } from './seeded-bytes.ts'

describe('ReadCache', () => {
  it('drops what was not used for longest when it is full', () => {
    const cache = new ReadCache(400)
    for (const name of ['a', 'b', 'c', 'd']) cache.set(name, Buffer.alloc(100))
    cache.get('a')
    cache.set('e', Buffer.alloc(100))
    expect(['a', 'b', 'c', 'd', 'e'].filter(name => cache.get(name) !== undefined)).toEqual(['a', 'c', 'd', 'e'])
  })

  it('keeps nothing that would push out much else', () => {
    const cache = new ReadCache(400)
    cache.set('large', Buffer.alloc(101))
    expect(cache.get('large')).toBeUndefined()
  })

  it('is not changed through what it was given or gave', () => {
    const cache = new ReadCache(400)
    const bytes = Buffer.from('abc')
    cache.set('a', bytes)
    bytes.fill(0)
    cache.get('a')!.fill(0)
    expect(Buffer.from(cache.get('a')!).toString()).toBe('abc')
  })
})

describe('PackWindows', () => {
  const pack = 'ab'.repeat(16)
  const content = seededBytes(3_000_000, 'pack')
  const copy = (offset: number, stored: number): Parameters<PackWindows['read']>[0] =>
    ({ pack, offset, stored, plain: stored, encoding: 0, depth: 0 })

  it('reads blobs that follow each other with few requests', async () => {
    const backend = countingBackend(memoryBackend())
    await backend.put(packKey(pack), content)
    const windows = new PackWindows(backend)
    for (let offset = 0; offset < 2_900_000; offset += 10_000) {
      expect(content.subarray(offset, offset + 9_000).equals((await windows.read(copy(offset, 9_000)))!)).toBe(true)
    }
    expect(backend.calls.get).toBeLessThan(6)
  })

  it('keeps several runs apart that are read side by side in one pack', async () => {
    const backend = countingBackend(memoryBackend())
    await backend.put(packKey(pack), content)
    const windows = new PackWindows(backend)
    for (let offset = 0; offset < 900_000; offset += 10_000) {
      for (const start of [0, 1_000_000, 2_000_000]) {
        expect(content.subarray(start + offset, start + offset + 9_000).equals((await windows.read(copy(start + offset, 9_000)))!)).toBe(true)
      }
    }
    expect(backend.calls.get).toBeLessThan(10)
  })

  it('reads nothing more than it needs from here and there', async () => {
    const backend = countingBackend(memoryBackend())
    await backend.put(packKey(pack), content)
    const windows = new PackWindows(backend)
    for (const offset of [2_000_000, 1_000_000, 500_000, 0]) await windows.read(copy(offset, 100))
    expect(backend.bytesRead).toBe(400)
  })

  it('gives less at the end of the pack, nothing without one, and tries again after a failure', async () => {
    const backend = faultyBackend(memoryBackend())
    const windows = new PackWindows(backend)
    expect(await windows.read(copy(0, 10))).toBeUndefined()
    await backend.put(packKey(pack), content)
    backend.fail('get', { times: 1 })
    await expect(new PackWindows(backend).read(copy(2_999_990, 20))).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(await new PackWindows(backend).read(copy(2_999_990, 20))).toHaveLength(10)
    expect(await windows.read(copy(1, 10))).toEqual(content.subarray(1, 11))
  })
})
