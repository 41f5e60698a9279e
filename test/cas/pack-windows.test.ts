import { beforeEach, describe, expect, it } from 'vitest'
import type { Copy } from '../../src/cas/copy.ts'
import { packKey } from '../../src/cas/layout.ts'
import { PackWindows } from '../../src/cas/pack-windows.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes } from './seeded-bytes.ts'

const MiB = 1024 * 1024
const PACK = 'ab'.repeat(16)
const bytes = seededBytes(20 * MiB, 'pack')
const copy = (offset: number, stored: number): Copy => ({ pack: PACK, offset, stored, plain: stored, encoding: 0, depth: 0 })

let windows: PackWindows

beforeEach(async () => {
  const backend = memoryBackend()
  await backend.put(packKey(PACK), bytes)
  windows = new PackWindows(backend)
})

async function read (from: PackWindows, place: Copy): Promise<Uint8Array | undefined> {
  const lent = await from.lend(place)
  const own = lent && Buffer.from(lent.bytes)
  lent?.giveBack()
  return own
}

/** Has other places of the pack read, so far apart that each takes a window of its own. */
async function readElsewhere (): Promise<void> {
  for (let i = 0; i < 10; i++) await read(windows, copy((1 + 2 * i) * MiB, 100_000))
}

describe('windows of a pack', () => {
  it('stay as long as somebody reads in them, and no longer', async () => {
    const [one, other] = [(await windows.lend(copy(0, 100_000)))!, (await windows.lend(copy(0, 50_000)))!]
    await readElsewhere()
    expect(bytes.subarray(0, 100_000).equals(one.bytes)).toBe(true)
    one.giveBack()
    await readElsewhere()
    expect(bytes.subarray(0, 50_000).equals(other.bytes)).toBe(true)
    other.giveBack()
    await Promise.resolve()
    expect([one.bytes.length, other.bytes.length]).toEqual([0, 0])
  })

  it('stay for the next read when nobody reads in them', async () => {
    const first = (await windows.lend(copy(0, 100_000)))!
    first.giveBack()
    const again = (await windows.lend(copy(0, 100_000)))!
    expect(bytes.subarray(0, 100_000).equals(again.bytes)).toBe(true)
    windows.forget(PACK)
    expect(again.bytes.length).toBe(100_000)
    again.giveBack()
    await Promise.resolve()
    expect(again.bytes.length).toBe(0)
  })

  it('tell that there is no such pack', async () => {
    expect(await windows.lend({ ...copy(0, 10), pack: 'cd'.repeat(16) })).toBeUndefined()
  })

  it('reads blobs that follow each other with few requests', async () => {
    const backend = countingBackend(memoryBackend())
    await backend.put(packKey(PACK), bytes)
    const windows = new PackWindows(backend)
    for (let offset = 0; offset < 2_900_000; offset += 10_000) {
      expect(bytes.subarray(offset, offset + 9_000).equals((await read(windows, copy(offset, 9_000)))!)).toBe(true)
    }
    expect(backend.calls.get).toBeLessThan(6)
  })

  it('keeps several runs apart that are read side by side in one pack', async () => {
    const backend = countingBackend(memoryBackend())
    await backend.put(packKey(PACK), bytes)
    const windows = new PackWindows(backend)
    for (let offset = 0; offset < 900_000; offset += 10_000) {
      for (const start of [0, 1_000_000, 2_000_000]) {
        expect(bytes.subarray(start + offset, start + offset + 9_000).equals((await read(windows, copy(start + offset, 9_000)))!)).toBe(true)
      }
    }
    expect(backend.calls.get).toBeLessThan(10)
  })

  it('reads nothing more than it needs from here and there', async () => {
    const backend = countingBackend(memoryBackend())
    await backend.put(packKey(PACK), bytes)
    const windows = new PackWindows(backend)
    for (const offset of [2_000_000, 1_000_000, 500_000, 0]) await read(windows, copy(offset, 100))
    expect(backend.bytesRead).toBe(400)
  })

  it('gives less at the end of the pack, nothing without one, and tries again after a failure', async () => {
    const backend = faultyBackend(memoryBackend())
    const windows = new PackWindows(backend)
    expect(await read(windows, copy(0, 10))).toBeUndefined()
    await backend.put(packKey(PACK), bytes)
    backend.fail('get', { times: 1 })
    await expect(read(new PackWindows(backend), copy(20 * MiB - 10, 20))).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(await read(new PackWindows(backend), copy(20 * MiB - 10, 20))).toHaveLength(10)
    expect(await read(windows, copy(1, 10))).toEqual(bytes.subarray(1, 11))
  })
})
