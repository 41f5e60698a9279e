import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAhead } from '../../../src/sources/postgres/read-ahead.ts'
import type { Bytes } from '../../../src/stream.ts'

/** A stream that uses one piece of memory again and again, and what was taken of it. */
function source (lengths: readonly number[], { error }: { readonly error?: Error } = {}): { bytes: Bytes, taken: () => number, closed: () => boolean } {
  const memory = Buffer.alloc(64)
  let taken = 0, closed = false
  const bytes = async function * (): Bytes {
    try {
      for (const length of lengths) {
        taken++
        yield memory.fill(taken).subarray(0, length)
      }
      if (error !== undefined) throw error
    } finally {
      closed = true
    }
  }
  return { bytes: bytes(), taken: () => taken, closed: () => closed }
}

const settled = async (): Promise<void> => { await new Promise(resolve => { setImmediate(resolve) }) }
const collected = async (bytes: Bytes): Promise<Buffer> => Buffer.concat(await Array.fromAsync(bytes, piece => Buffer.from(piece)))
const expected = (lengths: readonly number[]): Buffer => Buffer.concat(lengths.map((length, i) => Buffer.alloc(length, i + 1)))

describe('a stream that is read ahead', () => {
  it('gives what it gave', () => fc.assert(fc.asyncProperty(fc.array(fc.nat(64), { maxLength: 40 }), fc.nat(200), async (lengths, most) => {
    expect(await collected(readAhead(source(lengths).bytes, most))).toEqual(expected(lengths))
  })))

  it('is taken before anybody asks, up to a limit', async () => {
    const lengths = new Array<number>(10).fill(50)
    const { bytes, taken, closed } = source(lengths)
    const ahead = readAhead(bytes, 200)
    await settled()
    expect([taken(), closed()]).toEqual([5, false])
    expect(await collected(ahead)).toEqual(expected(lengths))
    expect(closed()).toBe(true)
  })

  it('is over at once where all of it has room', async () => {
    const { bytes, closed } = source([50, 50])
    readAhead(bytes, 200)
    await settled()
    expect(closed()).toBe(true)
  })

  it('fails after what came before', async () => {
    const error = new Error('cut off')
    const given: number[] = []
    await expect((async () => {
      for await (const piece of readAhead(source([3, 4], { error }).bytes, 100)) given.push(piece.length)
    })()).rejects.toBe(error)
    expect(given).toEqual([3, 4])
  })

  it('is closed when its reader leaves, also while it waits for room', async () => {
    const { bytes, taken, closed } = source(new Array<number>(10).fill(50))
    for await (const _ of readAhead(bytes, 100)) break
    await settled()
    expect(closed()).toBe(true)
    expect(taken()).toBeLessThan(5)
  })

  it('does not hold its reader up that leaves while nothing comes', async () => {
    const silent: Bytes = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined), return: () => new Promise(() => undefined) }) }
    const iterator = readAhead(async function * () { yield Buffer.from('x'); yield * silent }(), 100)[Symbol.asyncIterator]()
    await iterator.next()
    expect(await iterator.return?.()).toMatchObject({ done: true })
  })
})
