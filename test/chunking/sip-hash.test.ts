import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SipHash } from '../../src/chunking/sip-hash.ts'
import vectors from '../vectors/siphash-2-4.json' with { type: 'json' }

const MASK = 0xffff_ffff_ffff_ffffn

/** The hash as the paper writes it down, in 64-bit numbers. */
function referenceHash (key: Buffer, input: Uint8Array): bigint {
  const [k0, k1] = [key.readBigUInt64LE(0), key.readBigUInt64LE(8)]
  const v: [bigint, bigint, bigint, bigint] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n]
  const rotate = (x: bigint, by: bigint): bigint => (x << by | x >> (64n - by)) & MASK
  const round = (): void => {
    v[0] = v[0] + v[1] & MASK; v[1] = rotate(v[1], 13n) ^ v[0]; v[0] = rotate(v[0], 32n)
    v[2] = v[2] + v[3] & MASK; v[3] = rotate(v[3], 16n) ^ v[2]
    v[0] = v[0] + v[3] & MASK; v[3] = rotate(v[3], 21n) ^ v[0]
    v[2] = v[2] + v[1] & MASK; v[1] = rotate(v[1], 17n) ^ v[2]; v[2] = rotate(v[2], 32n)
  }
  const padded = Buffer.alloc((Math.floor(input.length / 8) + 1) * 8)
  padded.set(input)
  padded[padded.length - 1] = input.length & 0xff
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at)
    v[3] ^= word
    round()
    round()
    v[0] ^= word
  }
  v[2] ^= 0xffn
  for (let i = 0; i < 4; i++) round()
  return v[0] ^ v[1] ^ v[2] ^ v[3]
}

const asBytes = ({ high, low }: SipHash): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(low)
  bytes.writeUInt32LE(high, 4)
  return bytes.toString('hex')
}

describe('SipHash', () => {
  it('gives the 64 published values', () => {
    const hash = new SipHash(Buffer.from(vectors.key, 'hex'))
    expect(vectors.outputs.map((_, length) => asBytes(hash.of(Uint8Array.from({ length }, (_, i) => i))))).toEqual(vectors.outputs)
    expect(vectors.outputs).toHaveLength(64)
  })

  it('agrees with the definition for any key and input, wherever the input stands', () => fc.assert(fc.property(
    fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 600 }), fc.nat(9), (key, input, offset) => {
      const hash = new SipHash(key).of(Buffer.concat([Buffer.alloc(offset, 1), input, Buffer.alloc(5, 2)]), offset, offset + input.length)
      expect(BigInt(hash.high) << 32n | BigInt(hash.low)).toBe(referenceHash(Buffer.from(key), input))
    })))

  it('says whether the last value is below a power of two', () => {
    const hash = new SipHash(new Uint8Array(16))
    hash.high = 0x0003_ffff
    expect([0, 1, 13, 14, 15, 20, 32].map(bits => hash.below(bits))).toEqual([true, true, true, true, false, false, false])
    hash.high = 0xffff_ffff
    expect([0, 1].map(bits => hash.below(bits))).toEqual([true, false])
  })

  it('refuses a seed of another length', () => {
    expect(() => new SipHash(new Uint8Array(15))).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})
