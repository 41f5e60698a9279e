import { createHash } from 'node:crypto'
import { sealingKeyOf, sealingWith } from '../../src/cas/sealing.ts'
import type { Sealing } from '../../src/cas/sealing.ts'

/** A sealing with one key that follows from `seed`. */
export function testSealing (seed = 'key'): Sealing {
  return sealingWith(sealingKeyOf(createHash('sha256').update(seed).digest()))
}
