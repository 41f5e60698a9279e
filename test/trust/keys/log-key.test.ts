import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { writeRecord } from '../../../src/cas/records.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import { createLogSeed, readLogSeed, readLogVkey } from '../../../src/trust/keys/log-key.ts'

const now = '2026-01-02T03:04:05.000Z'
const vkeyOf = (seed: Uint8Array): string => `caf/test+${hash('sha256', seed)}`

describe('the log key', () => {
  it('is absent before it is made', async () => {
    const backend = memoryBackend()
    expect(await readLogSeed(backend)).toBeUndefined()
    expect(await readLogVkey(backend)).toBeUndefined()
  })

  it('is made once, however many make it at the same time', async () => {
    const backend = memoryBackend()
    const seeds = await Promise.all(Array.from({ length: 8 }, async () => await createLogSeed(backend, { vkeyOf, now })))
    expect(new Set(seeds.map(seed => Buffer.from(seed).toString('hex')))).toHaveLength(1)
    expect(await readLogSeed(backend)).toEqual(seeds[0])
    expect(await readLogVkey(backend)).toBe(vkeyOf(seeds[0]!))
  })

  it('stands in no record when the repository is sealed', async () => {
    const backend = memoryBackend()
    const keys = { logSeed: Buffer.alloc(32, 7) }
    expect(await createLogSeed(backend, { keys, vkeyOf, now })).toEqual(keys.logSeed)
    expect(await createLogSeed(backend, { keys, vkeyOf, now })).toEqual(keys.logSeed)
    expect(await readLogSeed(backend, { keys })).toEqual(keys.logSeed)
    expect(await readLogSeed(backend)).toBeUndefined()
    expect(Buffer.from(await backend.get('keys/log') ?? []).toString()).not.toContain(keys.logSeed.toString('base64'))
  })

  it('is refused when the record names another key, has a short seed, or none where it should', async () => {
    const backend = memoryBackend()
    await createLogSeed(backend, { vkeyOf, now })
    await expect(createLogSeed(backend, { keys: { logSeed: Buffer.alloc(32) }, vkeyOf, now })).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
    await writeRecord(backend, 'keys/log', { kind: 'log', created: now, vkey: 'v', seed: 'AAAA' })
    await expect(readLogSeed(backend)).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
    await writeRecord(backend, 'keys/log', { kind: 'log', created: now, vkey: 'v' })
    await expect(createLogSeed(backend, { vkeyOf, now })).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
  })
})
