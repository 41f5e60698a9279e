import { describe, expect, it } from 'vitest'
import { ReadCache } from '../../src/cas/read-cache.ts'

describe('ReadCache', () => {
  it('drops what was not used for longest when it is full', () => {
    const cache = new ReadCache(405_000)
    for (const name of ['a', 'b', 'c', 'd']) cache.set(name, Buffer.alloc(100_000))
    cache.get('a')
    cache.set('e', Buffer.alloc(100_000))
    expect(['a', 'b', 'c', 'd', 'e'].filter(name => cache.get(name) !== undefined)).toEqual(['a', 'c', 'd', 'e'])
  })

  it('keeps nothing that would push out much else', () => {
    const cache = new ReadCache(400)
    cache.set('large', Buffer.alloc(101))
    expect(cache.get('large')).toBeUndefined()
  })

  it('is not changed through what it was given or gave', () => {
    const cache = new ReadCache(4_000)
    const bytes = Buffer.from('abc')
    cache.set('a', bytes)
    bytes.fill(0)
    cache.get('a')!.fill(0)
    expect(Buffer.from(cache.get('a')!).toString()).toBe('abc')
  })

  it('keeps no more memory alive than it counts', () => {
    const cache = new ReadCache(20_000)
    cache.set('set', Buffer.from('abc'))
    cache.adopt('adopted', Buffer.from('abc'))
    expect(['set', 'adopted'].map(name => cache.look(name)?.buffer.byteLength)).toEqual([3, 3])
    const names = Array.from({ length: 1_000 }, (_, number) => `small ${number}`)
    for (const name of names) cache.set(name, Buffer.alloc(1))
    expect(names.filter(name => cache.look(name) !== undefined).length).toBeLessThan(100)
  })

  it('adopts memory that is its own as it is', () => {
    const cache = new ReadCache(4_000)
    const bytes = new Uint8Array(900)
    cache.adopt('a', bytes)
    expect(cache.look('a')).toBe(bytes)
  })
})
