import { Chance } from './chance.ts'
import { flipFixture } from './flip-fixture.ts'
import { STRUCTURES } from './structures.ts'
import type { Part, Subject } from './structures.ts'
import type { Tally } from './tally.ts'
import { Violation, lineOf } from './violation.ts'

export interface FlipsRequest {
  readonly seed: number
  /** Of the positions, every n-th. @default 1 */
  readonly step?: number
  /** How many objects of each structure. @default 4 */
  readonly objects?: number
  readonly tally: Tally
  readonly signal?: AbortSignal | undefined
}

/**
 * Turns over a bit of each byte of everything that is structure, and of a sample of what is content: each must be found and named.
 * @throws {Violation} with object, part and byte of the first that is not
 */
export async function flipEverywhere ({ seed, step = 1, objects = 4, tally, signal }: FlipsRequest): Promise<void> {
  const fixture = await flipFixture(seed)
  const chance = new Chance(seed)
  try {
    for (const structure of STRUCTURES) {
      let tried = 0
      for await (const subject of structure.subjects(fixture)) {
        if (++tried > objects) break
        for (const part of subject.parts) {
          for (const position of positionsOf(part, { step, chance })) {
            if (signal?.aborted === true) return
            await flip(subject, part, position, 1 << chance.below(8))
            tally.count('flips', structure.name)
          }
        }
      }
    }
  } finally {
    await fixture.close()
  }
}

async function flip (subject: Subject, part: Part, position: number, mask: number): Promise<void> {
  const damaged = Buffer.from(subject.bytes)
  damaged[position]! ^= mask
  try {
    await subject.suffer(damaged, part)
  } catch (error) {
    throw new Violation(`bit ${mask} of byte ${position} (${part.name}) of ${subject.name}: ${lineOf(error)}`, { cause: error })
  }
}

/** First and last byte in any case. */
function positionsOf ({ start, end, sample = end - start }: Part, { step, chance }: { readonly step: number, readonly chance: Chance }): number[] {
  const length = end - start
  const count = Math.min(Math.ceil(sample / step), length)
  if (count <= 2) return length === 0 ? [] : count === 2 ? [start, end - 1] : [start + chance.below(length)]
  return Array.from({ length: count }, (_, i) => start + Math.floor(i * (length - 1) / (count - 1)))
}
