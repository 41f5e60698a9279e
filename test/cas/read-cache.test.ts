import { describe, expect, it } from 'vitest'
import { ReadCache } from '../../src/cas/read-cache.ts'

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
