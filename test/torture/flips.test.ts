import { expect, it } from 'vitest'
import { flipEverywhere } from './flips.ts'
import { STRUCTURES } from './structures.ts'
import { Tally } from './tally.ts'

it('a flipped bit is found and named, wherever it is', async () => {
  const tally = new Tally()
  await flipEverywhere({ seed: 1, step: 60, objects: 1, tally })
  expect(tally.rows('flips').map(({ kind }) => kind)).toEqual(STRUCTURES.map(({ name }) => name).sort())
})
