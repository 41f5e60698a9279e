import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DurableNames } from '../../src/storage/durable-names.ts'

describe('names of folders', () => {
  let top: string
  let synced: string[]
  /** What a power cut would leave: the names that their folders held when they were synced. */
  let durable: Set<string>
  let names: DurableNames

  beforeEach(async () => {
    top = await mkdtemp(join(tmpdir(), 'caf-names-'))
    synced = []
    durable = new Set()
    names = new DurableNames(async folder => {
      const held = await readdir(folder)
      synced.push(folder)
      for (const name of held) durable.add(join(folder, name))
    })
  })
  afterEach(async () => { await rm(top, { recursive: true }) })

  const make = async (...parts: string[]): Promise<string> => {
    const folder = join(top, ...parts)
    await mkdir(folder, { recursive: true })
    return folder
  }
  const isDurable = (folder: string): boolean => folder === top || (durable.has(folder) && isDurable(dirname(folder)))

  it('are durable up to the top, one sync for each folder above', async () => {
    const folder = await make('a', 'b', 'c')
    await names.sync(folder, top)
    expect(isDurable(folder)).toBe(true)
    expect(synced.sort()).toEqual([top, join(top, 'a'), join(top, 'a', 'b')])
  })

  it('are not synced again for what stands beside them', async () => {
    const [one, other] = [await make('a', 'one'), await make('a', 'other')]
    await names.sync(one, top)
    synced = []
    await names.sync(other, top)
    expect(synced).toEqual([])
    expect(isDurable(other)).toBe(true)
  })

  it('are synced when they came after the last sync, also of another process', async () => {
    await names.sync(await make('a', 'one'), top)
    const later = await make('a', 'later')
    expect(isDurable(later)).toBe(false)
    await names.sync(later, top)
    expect(isDurable(later)).toBe(true)
  })

  it('are durable for all who ask at the same time', async () => {
    const folders = await Promise.all(Array.from({ length: 8 }, async (_, i) => await make('a', `b${i % 3}`, `c${i}`)))
    await Promise.all(folders.map(async (folder, i) => {
      await names.sync(folder, top)
      const late = await make('late', String(i))
      await names.sync(late, top)
      expect([isDurable(folder), isDurable(late)]).toEqual([true, true])
    }))
  })

  it('are synced anew for a folder that was made anew', async () => {
    const folder = await make('a', 'b')
    await names.sync(folder, top)
    await rm(join(top, 'a'), { recursive: true })
    durable.clear()
    await make('a', 'b')
    names.forget(join(top, 'a'))
    await names.sync(folder, top)
    expect(isDurable(folder)).toBe(true)
  })

  it('do not count as durable when the sync failed', async () => {
    const folder = await make('a')
    let fails = true
    const failing = new DurableNames(async path => {
      if (fails) throw new Error('the disk is gone')
      durable.add(join(path, 'a'))
    })
    await expect(failing.sync(folder, top)).rejects.toThrow('the disk is gone')
    fails = false
    await failing.sync(folder, top)
    expect(isDurable(folder)).toBe(true)
  })
})
