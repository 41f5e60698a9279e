import type { Rule } from './rules.ts'
import { BLOBS } from './scenario.ts'
import { baseOf, copiesOf, listed, present, usable } from './storage.ts'
import { bitsOf, has, indices } from './world.ts'
import type { Bits, World } from './world.ts'

/** What a collector does about the packs of its plan. */
export interface Evacuation {
  /** Packs that may go. */
  readonly doomed: Bits
  /** What has to be copied before: for each blob 0, or the depth of the new copy plus 1. */
  readonly copies: readonly number[]
}

/** Every way to treat the planned packs: those with something needed may be spared (Evacuator.#spare), or are copied. */
export function * evacuations (world: World, planned: Bits, needed: Bits, without: Rule | undefined): Generator<Evacuation> {
  const there = planned & present(world)
  const holding = bitsOf(world.packs, ({ copies }, index) => has(there, index) && copies.some((copy, blob) => copy > 0 && has(needed, blob)))
  for (let spared = holding; ; spared = (spared - 1) & holding) {
    const copies = copiesFor(world, there & ~spared, needed, without)
    if (copies !== undefined) yield { doomed: there & ~spared, copies }
    if (spared === 0) return
  }
}

/** What of `doomed` must stand elsewhere: Evacuator.run. Undefined when that cannot be read: its packs then stay (Evacuator.#keepAll). */
function copiesFor (world: World, doomed: Bits, needed: Bits, without: Rule | undefined): number[] | undefined {
  const outside = listed(world) & ~doomed
  const held = heldBases(world, { doomed, outside, needed })
  const made: number[] = []
  for (const blob of BLOBS) {
    const inside = copiesOf(world, blob, doomed)[0]
    const wanted = inside !== undefined && has(needed | held, blob) && !isCovered(blob, inside)
    if (wanted && usable(world, blob, outside | doomed, { without }) !== inside) return undefined
    made.push(!wanted ? 0 : has(needed | held, baseOf(blob)) ? inside : 1) // Evacuator.#moved
  }
  return made

  /** True if a copy outside serves as well: Evacuator.#dropCovered. */
  function isCovered (blob: number, inside: number): boolean {
    return copiesOf(world, blob, outside).some(copy => {
      if (without === 'smallerDepth') return true
      if (has(held, blob) && copy > inside) return false
      return copy === 1 || usable(world, baseOf(blob), outside | doomed, { below: copy - 1 }) > 0
    })
  }
}

/** Bases of the deltas in packs that stay, and of needed ones in those that do not: Evacuator.#basesOutside, #wantedInside. */
function heldBases (world: World, { doomed, outside, needed }: { readonly doomed: Bits, readonly outside: Bits, readonly needed: Bits }): Bits {
  let held: Bits = 0
  for (const blob of BLOBS) if (hasDelta(blob, outside)) held |= 1 << baseOf(blob)
  for (let before = -1; before !== held;) {
    before = held
    for (const blob of indices(needed | held)) if (hasDelta(blob, doomed)) held |= 1 << baseOf(blob)
  }
  return held

  function hasDelta (blob: number, among: Bits): boolean {
    return copiesOf(world, blob, among).some(copy => copy > 1)
  }
}
