import { expect, it } from 'vitest'
import { randomOperations } from './random-operations.ts'
import { Tally } from './tally.ts'

it('a repository is as its model says after every random operation', async () => {
  const tally = new Tally()
  await randomOperations({ seed: 1, operations: 120, tally })
  expect(tally.total('operations')).toBe(120)
})
