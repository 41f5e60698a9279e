import { describe, expect, it } from 'vitest'
import { bytesOf } from '../../src/stream.ts'
import { countingBackend } from '../../src/storage/counting-backend.ts'
import { faultyBackend } from '../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { readOnlyBackend } from '../../src/storage/read-only-backend.ts'
import { storageBackendCompliance } from '../compliance/storage-backend.ts'

const x = Buffer.from('x')

describe('counting backend', () => {
  storageBackendCompliance(async () => ({ backend: countingBackend(memoryBackend()), remove: async () => {} }))

  it('counts calls and bytes', async () => {
    const backend = countingBackend(memoryBackend())
    await backend.put('a', bytesOf('12345'))
    await backend.put('b', Buffer.from('123'))
    await backend.get('a', { length: 2 })
    for await (const piece of (await backend.stream('b'))!) void piece
    expect(backend).toMatchObject({ bytesWritten: 8, bytesRead: 5, calls: { put: 2, get: 1, stream: 1, list: 0 } })
  })
})

describe('read-only backend', () => {
  it('reads, and refuses to write or delete', async () => {
    const inner = memoryBackend()
    await inner.put('key', x)
    const backend = readOnlyBackend(inner)
    expect(await backend.get('key')).toEqual(x)
    await expect(backend.put('key', x)).rejects.toMatchObject({ code: 'STORAGE_DENIED' })
    await expect(backend.delete('key')).rejects.toMatchObject({ code: 'STORAGE_DENIED' })
    expect(await inner.size('key')).toBe(1)
  })
})

describe('faulty backend', () => {
  storageBackendCompliance(async () => ({ backend: faultyBackend(memoryBackend()), remove: async () => {} }))

  it('fails the calls it was told to, and only those', async () => {
    const backend = faultyBackend(memoryBackend()).fail('put', { after: 1, times: 1, key: 'blobs/', error: 'STORAGE_FULL' })
    await backend.put('other', x)
    await backend.put('blobs/1', x)
    await expect(backend.put('blobs/2', x)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    await backend.put('blobs/3', x)
    expect((await Array.fromAsync(backend.list('blobs/'))).map(entry => entry.key)).toEqual(['blobs/1', 'blobs/3'])
  })

  it('can lose the answer of a put that happened', async () => {
    const backend = faultyBackend(memoryBackend()).fail('put', { applied: true })
    await expect(backend.put('key', x)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(await backend.get('key')).toEqual(x)
  })

  it('takes part of a body before it fails', async () => {
    const taken: number[] = []
    async function * body (): AsyncGenerator<Uint8Array> {
      for (const n of [1, 2, 3]) {
        taken.push(n)
        yield Buffer.alloc(10)
      }
    }
    const backend = faultyBackend(memoryBackend()).fail('put', { partial: 15 })
    await expect(backend.put('key', body())).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(taken).toEqual([1, 2, 3])
    expect(await backend.get('key')).toBeUndefined()
  })

  it('reads short without an error', async () => {
    const backend = faultyBackend(memoryBackend()).shorten('get', { bytes: 2 }).shorten('stream', { bytes: 3 })
    await backend.put('key', Buffer.from('12345'))
    expect(await backend.get('key')).toEqual(Buffer.from('12'))
    expect(Buffer.concat(await Array.fromAsync((await backend.stream('key'))!))).toEqual(Buffer.from('123'))
  })

  it('breaks a stream in the middle', async () => {
    const backend = faultyBackend(memoryBackend()).fail('stream', { partial: 3 })
    await backend.put('key', Buffer.from('12345'))
    const pieces = (await backend.stream('key'))!
    await expect(Array.fromAsync(pieces)).rejects.toMatchObject({ code: 'STORAGE_IO' })
  })

  it('crashes after so many changes, and comes back when healed', async () => {
    const backend = faultyBackend(memoryBackend()).crash({ after: 2 })
    await backend.put('a', x)
    await backend.delete('a')
    await expect(backend.put('b', x)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'STORAGE_IO' })
    backend.heal()
    expect(await backend.get('b')).toBeUndefined()
  })
})
