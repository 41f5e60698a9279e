import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { AddressSet } from '../../src/cas/address-set.ts'
import { DeltaBases } from '../../src/cas/delta-bases.ts'

const address = (n: number): string => addressOf(Buffer.from(String(n)))

describe('AddressSet', () => {
  it('holds what was added and nothing else, through many growths', () => {
    const set = new AddressSet()
    for (let n = 0; n < 20_000; n += 2) expect(set.add(address(n))).toBe(true)
    for (let n = 0; n < 20_000; n++) expect(set.has(address(n))).toBe(n % 2 === 0)
    expect(set.add(address(0))).toBe(false)
    expect(set.size).toBe(10_000)
  })

  it('agrees with a Set', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 500 })), fc.integer({ min: 0, max: 500 }), (numbers, probe) => {
      const set = new AddressSet()
      const fresh = numbers.map(n => set.add(address(n)))
      expect(fresh.filter(Boolean)).toHaveLength(new Set(numbers).size)
      expect(set.has(address(probe))).toBe(numbers.includes(probe))
    }))
  })

  it('can hold the address that begins with zeros', () => {
    const zeros = '0'.repeat(64)
    const set = new AddressSet()
    expect(set.has(zeros)).toBe(false)
    set.add(zeros)
    expect(set.has(zeros)).toBe(true)
  })
})

describe('DeltaBases', () => {
  it('finds all bases below what is in the set, in whatever order they were noted', () => {
    fc.assert(fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }), order => {
      const bases = new DeltaBases()
      for (const depth of order) bases.note(address(depth), address(depth - 1), depth)
      const set = new AddressSet()
      set.add(address(5))
      const below = bases.below(set)
      expect([0, 1, 2, 3, 4, 5, 6, 7, 8].filter(n => below.has(address(n)))).toEqual([0, 1, 2, 3, 4])
    }))
  })

  it('follows a base whose own delta is deeper than the one that leads to it', () => {
    const bases = new DeltaBases()
    bases.note(address(1), address(2), 1)
    bases.note(address(2), address(3), 7)
    const set = new AddressSet()
    set.add(address(1))
    expect(bases.below(set).has(address(3))).toBe(true)
  })
})
