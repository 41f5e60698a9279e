import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { OpenRepositoryOptions, Repository } from '../../src/cas/repository.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { testSealing } from './test-sealing.ts'

const ROOT = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const commitment = { root: ROOT, consensus: true, validatedBy: ['local'], statements: [] }

let folder: string

beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-cas-')) })
afterEach(async () => { await rm(folder, { recursive: true }) })

const backends: Array<[string, () => StorageBackend, OpenRepositoryOptions]> = [
  ['in memory', () => memoryBackend(), {}],
  ['on disk', () => directoryBackend(folder), {}],
  ['on disk, sealed', () => directoryBackend(folder), { sealing: testSealing() }],
]

describe.each(backends)('a repository %s', (_, open, options) => {
  let backend: StorageBackend
  let repository: Repository

  beforeEach(async () => {
    backend = open()
    repository = await createRepository(backend, options)
  })
  afterEach(async () => { await repository.close() })

  it('gives back what was put, before and after it is durable, and after it is opened again', async () => {
    const blobs = [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(100_000), seededBytes(70_000, 'a'), seededRows(1000, 'b')]
    const writer = await repository.openWriter()
    const put = await Promise.all(blobs.map(async blob => await writer.put(blob)))
    expect(put.map(result => result.address)).toEqual(blobs.map(addressOf))
    for (const blob of blobs) expect(blob.equals((await writer.get(addressOf(blob)))!)).toBe(true)
    await writer.commit(commitment)
    await repository.close()
    repository = await openRepository(backend, options)
    for (const blob of blobs) expect(blob.equals((await repository.get(addressOf(blob)))!)).toBe(true)
    expect(await repository.visible()).toMatchObject([{ id: writer.id, ...commitment }])
  })

  it('keeps one copy when the same blob is put many times at once', async () => {
    const writer = await repository.openWriter()
    const blob = seededRows(500, 'same')
    const results = await Promise.all(Array.from({ length: 10 }, async () => await writer.put(Buffer.from(blob))))
    expect(results.filter(result => result.stored === 'new')).toHaveLength(1)
    await writer.commit(commitment)
    const again = await repository.openWriter()
    expect(await again.put(blob)).toMatchObject({ stored: 'present', storedBytes: 0 })
    await again.discard()
    expect(repository.copies(addressOf(blob))).toHaveLength(1)
  })
})
