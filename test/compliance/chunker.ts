import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Bytes } from '../../src/stream.ts'

/** What every way of cutting a byte stream must do. `largest` is the length that no chunk may exceed, if there is one. */
export function chunkerCompliance (cut: (source: Bytes) => AsyncIterable<Uint8Array>, { largest = Infinity }: { readonly largest?: number } = {}): void {
  const chunksOf = async (pieces: readonly Uint8Array[]): Promise<Uint8Array[]> => await Array.fromAsync(cut(stream(pieces)))

  it('yields nothing for an empty stream, and for empty pieces', async () => {
    expect(await chunksOf([])).toEqual([])
    expect(await chunksOf([new Uint8Array(0), new Uint8Array(0)])).toEqual([])
  })

  it.each([1, 63, 64, 65, 511, 512, 513, 4096, 70_000, 300_000])('joins back to an input of %i bytes', async length => {
    const input = seededBytes(length, 'compliance')
    const chunks = await chunksOf([input])
    expect(Buffer.concat(chunks).equals(input)).toBe(true)
    expect(chunks.every(chunk => chunk.length > 0 && chunk.length <= largest)).toBe(true)
  })

  it('cuts the same, however the input is split', async () => {
    const input = seededBytes(40_000, 'split')
    const whole = await chunksOf([input])
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9_000 }), { maxLength: 40 }), async lengths => {
      expect((await chunksOf(splitInto(input, lengths))).map(({ length }) => length)).toEqual(whole.map(({ length }) => length))
    }), { numRuns: 30 })
  })

  it('gives chunks that outlive the pieces they came from', async () => {
    const input = seededBytes(50_000, 'reuse')
    const reused = Buffer.alloc(1_000)
    const chunks = await Array.fromAsync(cut((async function * () {
      for (let at = 0; at < input.length; at += reused.length) {
        reused.set(input.subarray(at, at + reused.length))
        yield reused
      }
      reused.fill(0)
    })()))
    expect(Buffer.concat(chunks).equals(input)).toBe(true)
  })

  it('hands on the error of its source', async () => {
    const failing = (async function * () {
      yield seededBytes(10, 'failing')
      throw new Error('the disk is gone')
    })()
    await expect(Array.fromAsync(cut(failing))).rejects.toThrow('the disk is gone')
  })

  it('closes its source when the consumer leaves', async () => {
    let closed = false
    const source = (async function * () {
      try {
        for (;;) yield seededBytes(300_000, 'endless')
      } finally {
        closed = true
      }
    })()
    for await (const _ of cut(source)) break
    expect(closed).toBe(true)
  })
}

/** The same bytes for the same name, without a pattern. */
export function seededBytes (length: number, name: string): Buffer {
  return length === 0 ? Buffer.alloc(0) : createHash('shake256', { outputLength: length }).update(name).digest()
}

/** `input` in pieces of these lengths, over and over; the rest in one. */
export function splitInto (input: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let at = 0
  for (const length of lengths) {
    pieces.push(input.subarray(at, at + length))
    at += length
  }
  if (at < input.length) pieces.push(input.subarray(at))
  return pieces
}

export async function * stream (pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield * pieces
}
