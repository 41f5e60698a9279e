import { createHash } from 'node:crypto'
import { sealingKeyOf } from '../../src/cas/sealing.ts'
import type { Sealing } from '../../src/cas/sealing.ts'

/** A sealing with one key that follows from `seed`. */
export function testSealing (seed = 'key'): Sealing {
  const key = sealingKeyOf(createHash('sha256').update(seed).digest())
  return { current: key, slots: [], find: async id => id === key.id ? key : undefined }
}

/** For `describe.each`: what both kinds of repositories must do. */
export const SEALINGS: ReadonlyArray<readonly [string, { readonly sealing?: Sealing }]> = [['', {}], [' in a sealed repository', { sealing: testSealing() }]]
