import { describe, expect, it } from 'vitest'
import { runWorld } from './interleaved-world.ts'

const RUNS = process.env['SLOW'] === '1' ? 5000 : 40
const BLOCKS = 10

describe('writers, collectors, forgetting and repairing in any order of their steps', () => {
  it.each(Array.from({ length: BLOCKS }, (_, i) => i))('lose nothing that is visible (%i)', async block => {
    for (let seed = block; seed < RUNS; seed += BLOCKS) expect(await runWorld(seed), `seed ${seed}`).toEqual([])
  })
})
