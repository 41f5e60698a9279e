import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteChunker } from '../../src/chunking/byte-chunker.ts'
import type { CutSizes } from '../../src/chunking/byte-cutter.ts'
import { GEAR } from '../../src/chunking/gear.ts'
import { chunkerCompliance, seededBytes, splitInto, stream } from '../compliance/chunker.ts'

const SMALL: CutSizes = { min: 64, average: 256, max: 1_024 }

/** The byte rule as docs/format.md says it, one byte after the other. */
function referenceCut (input: Uint8Array, { min, average, max }: CutSizes): number[] {
  const bits = Math.log2(average)
  const ones = (count: number): number => Number((1n << 32n) - (1n << BigInt(32 - count)))
  const lengths: number[] = []
  let length = 0, state = 0
  for (const byte of input) {
    const position = length++
    if (position >= min) state = (state * 2 + (GEAR[byte]! >>> 0)) % 2 ** 32
    const mask = ones(position < average ? bits + 2 : bits - 2)
    if (length < max && (position < min || (BigInt(state) & BigInt(mask)) !== 0n)) continue
    lengths.push(length)
    length = state = 0
  }
  return length > 0 ? [...lengths, length] : lengths
}

const lengthsOf = async (pieces: Uint8Array[], sizes: CutSizes): Promise<number[]> =>
  (await Array.fromAsync(byteChunker(sizes)(stream(pieces)))).map(({ length }) => length)

describe('byte chunker', () => {
  describe('with small sizes', () => chunkerCompliance(byteChunker(SMALL), { largest: SMALL.max }))
  describe('with the usual sizes', () => chunkerCompliance(byteChunker(), { largest: 262_144 }))

  it('cuts as the format says, however the input is split', () => fc.assert(fc.asyncProperty(
    fc.uint8Array({ maxLength: 6_000 }), fc.array(fc.nat(700), { maxLength: 20 }), async (input, lengths) => {
      expect(await lengthsOf(splitInto(input, lengths), SMALL)).toEqual(referenceCut(input, SMALL))
    })))

  it('cuts long inputs without a pattern as the format says', async () => {
    const input = seededBytes(300_000, 'reference')
    expect(await lengthsOf([input], SMALL)).toEqual(referenceCut(input, SMALL))
    const sizes = { min: 2_048, average: 8_192, max: 65_536 }
    expect(await lengthsOf([input], sizes)).toEqual(referenceCut(input, sizes))
  })

  it('ends a chunk at the largest size where no border is found', async () => {
    expect(await lengthsOf([Buffer.alloc(3_000)], SMALL)).toEqual(referenceCut(Buffer.alloc(3_000), SMALL))
    const stuck = [...Array(256).keys()].map(byte => Buffer.alloc(1_025, byte)).find(input => referenceCut(input, SMALL).length === 2)!
    expect(await lengthsOf([stuck], SMALL)).toEqual([1_024, 1])
    expect(await lengthsOf([stuck.subarray(1)], SMALL)).toEqual([1_024])
  })

  it('moves only the borders near an insertion', async () => {
    const input = seededBytes(2_000_000, 'insertion')
    const sizes = { min: 2_048, average: 8_192, max: 65_536 }
    const chunks = async (bytes: Uint8Array): Promise<string[]> => (await Array.fromAsync(byteChunker(sizes)(stream([bytes])))).map(chunk => Buffer.from(chunk).toString('latin1'))
    const before = new Set(await chunks(input))
    const after = await chunks(Buffer.concat([input.subarray(0, 1_000_000), Buffer.from('inserted'), input.subarray(1_000_000)]))
    expect(after.length).toBeGreaterThan(150)
    expect(after.filter(chunk => !before.has(chunk)).length).toBeLessThan(6)
  })

  it('finds chunks of about the average size', async () => {
    const lengths = await lengthsOf([seededBytes(8_000_000, 'average')], { min: 2_048, average: 8_192, max: 65_536 })
    const average = 8_000_000 / lengths.length
    expect(average).toBeGreaterThan(7_000)
    expect(average).toBeLessThan(11_000)
  })

  it('is not much slower than SHA-256: its loop stays in one piece of optimised code', async () => {
    const input = seededBytes(16_000_000, 'speed')
    const pieces = splitInto(input, Array<number>(244).fill(65_536))
    const millisecondsOf = async (work: () => Promise<void> | void): Promise<number> => {
      const start = performance.now()
      await work()
      return performance.now() - start
    }
    let cutting = Infinity, hashing = Infinity
    for (let round = 0; round < 5; round++) {
      cutting = Math.min(cutting, await millisecondsOf(async () => {
        for await (const chunk of byteChunker()(stream(pieces))) expect(chunk.length).toBeGreaterThan(0)
      }))
      hashing = Math.min(hashing, await millisecondsOf(() => void createHash('sha256').update(input).digest()))
    }
    // Measured 1.5 times as long on an idle machine with SHA instructions; six times before the loop was unrolled.
    expect(cutting / hashing).toBeLessThan(5)
  })

  it.each([
    [{ min: 64, average: 250, max: 1_024 }], [{ min: 256, average: 256, max: 1_024 }], [{ min: 64, average: 256, max: 256 }],
    [{ min: 63, average: 256, max: 1_024 }], [{ min: 64, average: 256, max: 17_000_000 }], [{ min: 64.5, average: 256, max: 1_024 }],
  ])('refuses the sizes %o', sizes => {
    expect(() => byteChunker(sizes)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('has nothing hidden in its numbers', () => {
    expect(new Set(GEAR).size).toBe(256)
    expect(readFileSync('src/chunking/gear.ts', 'utf8')).toContain('caf-gear')
  })
})
