import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ZIP_CORPUS } from './fuzz/archive-targets.ts'
import { fuzzParsers } from './fuzz.ts'
import { Tally } from './tally.ts'

it(`parsers take every input or refuse it with a code${existsSync(ZIP_CORPUS) ? '' : ' (without yauzl’s corpus of ZIPs, which is not here)'}`, async () => {
  const tally = new Tally()
  await fuzzParsers({ seed: 1, inputs: 3_000, tally })
  expect(tally.total('inputs')).toBe(3_000)
  expect(tally.rows('inputs').length).toBeGreaterThan(25)
})
