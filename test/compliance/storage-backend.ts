import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Bytes } from '../../src/stream.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'

export interface OpenedBackend {
  readonly backend: StorageBackend
  /** Removes what the backend stored. */
  remove(): Promise<void>
}

const text = (value: string): Uint8Array => Buffer.from(value)

/** Bytes that repeat nowhere and are the same in every run. */
function seededBytes (length: number, seed: string): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, i) => createHash('sha512').update(`${seed}/${i}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

async function * split (bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function join (bytes: Bytes): Promise<Buffer> {
  return Buffer.concat((await Array.fromAsync(bytes)).map(piece => Buffer.from(piece)))
}

async function * failing (bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield bytes
  throw error
}

/** What every backend does. `open` gives an empty one; each case gets its own. */
export function storageBackendCompliance (open: () => Promise<OpenedBackend>): void {
  let opened: OpenedBackend
  let backend: StorageBackend

  beforeEach(async () => {
    opened = await open()
    backend = opened.backend
  })
  afterEach(async () => {
    await backend.close()
    await opened.remove()
  })

  const keys = async (prefix: string): Promise<string[]> => (await Array.fromAsync(backend.list(prefix))).map(entry => entry.key)

  it('says undefined, false or nothing for what is absent', async () => {
    expect(await backend.get('blobs/none')).toBeUndefined()
    expect(await backend.stream('blobs/none')).toBeUndefined()
    expect(await backend.size('blobs/none')).toBeUndefined()
    expect(await backend.delete('blobs/none')).toBe(false)
    expect(await keys('')).toEqual([])
    expect(await keys('blobs/')).toEqual([])
  })

  it('sees nothing below a key that is an object', async () => {
    await backend.put('a', text('leaf'))
    expect(await backend.get('a/b')).toBeUndefined()
    expect(await backend.size('a/b')).toBeUndefined()
    expect(await keys('a/')).toEqual([])
  })

  it('sees no object where only a prefix is', async () => {
    await backend.put('a/b', text('leaf'))
    expect(await backend.get('a')).toBeUndefined()
    expect(await backend.stream('a')).toBeUndefined()
    expect(await backend.size('a')).toBeUndefined()
    expect(await backend.delete('a')).toBe(false)
  })

  it('keeps an empty object', async () => {
    expect(await backend.put('empty', new Uint8Array())).toBe(true)
    expect(await backend.get('empty')).toHaveLength(0)
    expect(await backend.size('empty')).toBe(0)
    expect(await join((await backend.stream('empty'))!)).toHaveLength(0)
    expect(await Array.fromAsync(backend.list(''))).toEqual([{ key: 'empty', sizeBytes: 0 }])
  })

  it('gives back a large object put as a stream', async () => {
    const bytes = seededBytes(3_000_001, 'large')
    await backend.put('blobs/ab/large.pack', split(bytes, 70_001))
    expect(await backend.size('blobs/ab/large.pack')).toBe(bytes.length)
    expect(bytes.equals(await join((await backend.stream('blobs/ab/large.pack'))!))).toBe(true)
    expect(bytes.equals((await backend.get('blobs/ab/large.pack'))!)).toBe(true)
  })

  it('replaces an object unless told to keep it', async () => {
    await backend.put('key', text('first'))
    expect(await backend.put('key', text('second'))).toBe(true)
    expect(await backend.put('key', text('third'), { whenPresent: 'keep' })).toBe(false)
    expect(Buffer.from((await backend.get('key'))!).toString()).toBe('second')
  })

  it('lets exactly one of many concurrent writers create an object', async () => {
    const values = Array.from({ length: 16 }, (_, i) => `writer ${i}`)
    const won = await Promise.all(values.map(async value => await backend.put('outcomes/one', text(value), { whenPresent: 'keep' })))
    expect(won.filter(Boolean)).toHaveLength(1)
    expect(Buffer.from((await backend.get('outcomes/one'))!).toString()).toBe(values[won.indexOf(true)])
  })

  it('leaves one whole object when many replace it at once', async () => {
    const values = Array.from({ length: 8 }, (_, i) => seededBytes(100_000, `value ${i}`))
    await Promise.all(values.map(async value => await backend.put('same', split(value, 30_000))))
    const found = Buffer.from((await backend.get('same'))!)
    expect(values.some(value => value.equals(found))).toBe(true)
  })

  it('reads ranges, at the end fewer bytes', async () => {
    await backend.put('range', text('0123456789'))
    const read = async (offset: number, length: number): Promise<[string, string]> => [
      Buffer.from((await backend.get('range', { offset, length }))!).toString(),
      (await join((await backend.stream('range', { offset, length }))!)).toString(),
    ]
    expect(await read(0, 0)).toEqual(['', ''])
    expect(await read(0, 1)).toEqual(['0', '0'])
    expect(await read(3, 4)).toEqual(['3456', '3456'])
    expect(await read(9, 1)).toEqual(['9', '9'])
    expect(await read(8, 100)).toEqual(['89', '89'])
    expect(await read(10, 1)).toEqual(['', ''])
    expect(await read(11, 5)).toEqual(['', ''])
    expect(Buffer.from((await backend.get('range', { offset: 4 }))!).toString()).toBe('456789')
  })

  it('lists in ascending order of keys, with sizes', async () => {
    for (const key of ['b', 'a/z', 'a.b', 'a/b/c', 'a-b', 'aa', 'a0']) await backend.put(key, text(key))
    expect(await keys('')).toEqual(['a-b', 'a.b', 'a/b/c', 'a/z', 'a0', 'aa', 'b'])
    expect(await Array.fromAsync(backend.list('a/'))).toEqual([{ key: 'a/b/c', sizeBytes: 5 }, { key: 'a/z', sizeBytes: 3 }])
    expect(await keys('a/b/')).toEqual(['a/b/c'])
    expect(await keys('c/')).toEqual([])
  })

  it('lists many objects', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `many/${String(i).padStart(4, '0')}`)
    await Promise.all(names.map(async name => await backend.put(name, text(name))))
    expect(await keys('many/')).toEqual(names)
  })

  it('ends a listing early without harm', async () => {
    for (const key of ['x/1', 'x/2', 'x/3']) await backend.put(key, text(key))
    for await (const { key } of backend.list('x/')) if (key === 'x/2') break
    expect(await keys('x/')).toHaveLength(3)
  })

  it('deletes once', async () => {
    await backend.put('gone', text('x'))
    expect(await backend.delete('gone')).toBe(true)
    expect(await backend.delete('gone')).toBe(false)
    expect(await backend.get('gone')).toBeUndefined()
    expect(await backend.put('gone', text('again'), { whenPresent: 'keep' })).toBe(true)
  })

  it('shows nothing of a put whose body fails, and rejects with that failure', async () => {
    const failure = new Error('source broke')
    await expect(backend.put('half', failing(text('half'), failure))).rejects.toBe(failure)
    expect(await backend.get('half')).toBeUndefined()
    await backend.put('half', text('old'))
    await expect(backend.put('half', failing(text('new'), failure))).rejects.toBe(failure)
    expect(Buffer.from((await backend.get('half'))!).toString()).toBe('old')
    expect(await keys('')).toEqual(['half'])
  })

  it('does nothing once its signal is aborted', async () => {
    await backend.put('key', text('old'))
    const reason = new Error('stop')
    const options = { signal: AbortSignal.abort(reason) }
    await expect(backend.put('key', text('new'), options)).rejects.toBe(reason)
    await expect(backend.get('key', options)).rejects.toBe(reason)
    await expect(backend.stream('key', options)).rejects.toBe(reason)
    await expect(backend.size('key', options)).rejects.toBe(reason)
    await expect(backend.delete('key', options)).rejects.toBe(reason)
    await expect(Array.fromAsync(backend.list('', options))).rejects.toBe(reason)
    expect(Buffer.from((await backend.get('key'))!).toString()).toBe('old')
  })

  it('stops a put in the middle of its stream', async () => {
    const controller = new AbortController()
    const reason = new Error('stop')
    async function * body (): AsyncGenerator<Uint8Array> {
      yield text('one')
      controller.abort(reason)
      yield text('two')
    }
    await expect(backend.put('stopped', body(), { signal: controller.signal })).rejects.toBe(reason)
    expect(await backend.get('stopped')).toBeUndefined()
  })

  it.each(['', '/', 'a//b', '../a', 'a/../b', './a', 'a/.', 'a b', 'a\\b', 'ä', '/a', 'a/', 'a\0b', '~a'])('refuses the key %j', async key => {
    await expect(backend.put(key, text('x'))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(backend.get(key)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(backend.delete(key)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('refuses a prefix that is not a folder', async () => {
    await expect(Array.fromAsync(backend.list('abc'))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(Array.fromAsync(backend.list('../'))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it.each([{ offset: -1 }, { offset: 1.5 }, { length: -1 }, { length: NaN }])('refuses the range %j', async range => {
    await backend.put('key', text('x'))
    await expect(backend.get('key', range)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('may be closed twice', async () => {
    await backend.close()
    await backend.close()
  })
}
