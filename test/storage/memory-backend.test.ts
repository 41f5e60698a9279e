import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { storageBackendCompliance } from '../compliance/storage-backend.ts'

describe('memory backend', () => {
  storageBackendCompliance(async () => ({ backend: memoryBackend(), remove: async () => {} }))

  it('is not changed by later changes of what was put or got', async () => {
    const backend = memoryBackend()
    const bytes = Buffer.from('abc')
    await backend.put('key', bytes)
    bytes.fill(0)
    const found = (await backend.get('key'))!
    expect(Buffer.from(found).toString()).toBe('abc')
    found.fill(0)
    expect(Buffer.from((await backend.get('key'))!).toString()).toBe('abc')
  })
})
