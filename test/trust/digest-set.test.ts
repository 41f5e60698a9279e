import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DigestSet } from '../../src/trust/verify/digest-set.ts'

const digestOf = (text: string): Uint8Array => hash('sha256', text, 'buffer')

it('a set of digests has what was added, and nothing else, however much that is', () => {
  const set = new DigestSet()
  for (let n = 0; n < 20_000; n++) set.add(digestOf(`in ${n % 15_000}`))
  expect(set.size).toBe(15_000)
  for (let n = 0; n < 15_000; n++) {
    expect(set.has(digestOf(`in ${n}`))).toBe(true)
    expect(set.has(digestOf(`out ${n}`))).toBe(false)
  }
})

it('a set of digests tells those apart that differ in any of their first 16 bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(15), fc.integer({ min: 1, max: 255 }), (digest, at, change) => {
    fc.pre(digest.subarray(0, 16).some(byte => byte !== 0))
    const other = Uint8Array.from(digest)
    other[at]! ^= change
    const set = new DigestSet()
    set.add(digest)
    expect(set.has(digest)).toBe(true)
    expect(set.has(other)).toBe(false)
  }))
})
