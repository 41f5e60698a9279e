import type { BigIntStats } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { stateOf } from '../../../src/sources/files/file-state.ts'

const BEGIN = 1_700_000_000_000
const STATS = { dev: 1n, ino: 2n, size: 3n, mtimeNs: 1_600_000_000_000_000_004n, ctimeNs: 1_600_000_000_000_000_005n }
const of = (changes: Partial<typeof STATS> = {}): string | undefined => stateOf({ ...STATS, ...changes } as BigIntStats, BEGIN)

describe('state of a file', () => {
  it('is the same as long as nothing changes, whenever one looks', () => {
    expect(of()).toBeDefined()
    expect(stateOf(STATS as BigIntStats, BEGIN + 5)).toBe(of())
  })

  it.each(Object.keys(STATS) as Array<keyof typeof STATS>)('differs with %s alone', member => {
    expect(of({ [member]: STATS[member] + 1n })).not.toBe(of())
  })

  it('never runs two numbers together', () => {
    expect(of({ dev: 12n, ino: 3n })).not.toBe(of({ dev: 1n, ino: 23n }))
  })

  it.each(['mtimeNs', 'ctimeNs'] as const)('is unknown when %s is not two seconds older than the capture', member => {
    const limit = BigInt(BEGIN - 2_000) * 1_000_000n
    expect(of({ [member]: limit - 1n })).toBeDefined()
    expect(of({ [member]: limit })).toBeUndefined()
    expect(of({ [member]: limit * 2n })).toBeUndefined()
  })
})
