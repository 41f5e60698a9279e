import { expect, it } from 'vitest'
import { faultAtEveryCall } from './faults.ts'
import { Tally } from './tally.ts'

it('a repository survives a fault at any call to its storage', async () => {
  const tally = new Tally()
  await faultAtEveryCall({ seed: 1, step: 120, tally })
  expect(tally.rows('faults').map(({ kind }) => kind)).toEqual(['cut', 'error', 'late', 'lost', 'repeated', 'short', 'unanswered'])
})
