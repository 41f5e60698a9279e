import type { Rule } from './rules.ts'
import { BLOB_NAMES, blobsOf } from './scenario.ts'
import type { Scenario } from './scenario.ts'
import { ABSENT, COMMIT, DELETED, LISTED, NONE, bitsOf, has, indices } from './world.ts'
import type { Bits, Pack, World } from './world.ts'

/** Snapshots that were committed, forgotten or not. */
export function committed ({ outcomes, records }: World, { writers, without }: Scenario): Bits {
  if (without === 'oneRecord') return records
  return 1 | bitsOf(writers, (_, writer) => outcomes[writer] === COMMIT) << 1
}

export function visible (world: World, scenario: Scenario): Bits {
  return committed(world, scenario) & ~world.forgotten
}

/** Create-if-absent of a session's outcome. */
export function withOutcome ({ outcomes }: World, session: number, outcome: number): Pick<World, 'outcomes'> {
  return { outcomes: outcomes[session] === NONE ? outcomes.with(session, outcome) : outcomes }
}

export function openSessions ({ outcomes, sessions }: World): Bits {
  return bitsOf(outcomes, (outcome, session) => has(sessions, session) && outcome === NONE)
}

export function withPack ({ packs }: World, index: number, pack: Partial<Pack>): Pick<World, 'packs'> {
  return { packs: packs.with(index, { ...packs[index]!, ...pack }) }
}

export function withoutPacks ({ packs }: World, gone: Bits): Pick<World, 'packs'> {
  return { packs: packs.map((pack, index) => has(gone, index) && pack.state !== DELETED ? { ...pack, state: DELETED } : pack) }
}

/** Packs that some final names. */
export function givenUp ({ finals }: Pick<World, 'finals'>): Bits {
  return finals.reduce((all: Bits, final) => all | (final ?? 0), 0)
}

/** Packs that are in the storage. */
export function present ({ packs }: World): Bits {
  return bitsOf(packs, ({ state }) => state !== ABSENT && state !== DELETED)
}

export function listed ({ packs }: World): Bits {
  return bitsOf(packs, ({ state }) => state === LISTED)
}

export function baseOf (blob: number): number {
  return 1 - blob
}

/** Depths, plus 1, of a blob's copies in those packs, ascending. */
export function copiesOf ({ packs }: World, blob: number, among: Bits): number[] {
  return [...indices(among)].map(index => packs[index]!.copies[blob]!).filter(copy => copy > 0).sort((one, other) => one - other)
}

export interface UsableOptions {
  /** Only copies of a smaller depth. @default Infinity */
  readonly below?: number
  readonly without?: Rule | undefined
}

/**
 * Depth, plus 1, of the shallowest copy in those packs that can be decoded; 0 without one: BlobFetcher.fetch, ReusableCopies.find.
 * Where depths do not count, a base may be any copy, and reading ends in a circle if that is a delta too.
 */
export function usable (world: World, blob: number, among: Bits, { below = Infinity, without }: UsableOptions = {}): number {
  for (const copy of copiesOf(world, blob, among)) {
    const depth = copy - 1
    if (depth === 0) return copy
    if (depth >= below) return 0
    if (without === 'smallerDepth' ? copiesOf(world, baseOf(blob), among)[0] === 1 : usable(world, baseOf(blob), among, { below: depth }) > 0) return copy
  }
  return 0
}

/** What is wrong: a snapshot that is visible, or is `read` by who was promised that it stays, lacks a blob. */
export function loss (world: World, scenario: Scenario, read: Bits): string | undefined {
  const there = listed(world)
  for (const snapshot of indices(visible(world, scenario) | read)) {
    for (const blob of indices(blobsOf(scenario, snapshot))) {
      if (usable(world, blob, there, scenario) === 0) return `snapshot ${snapshot} lacks blob ${BLOB_NAMES[blob]}`
    }
  }
  return undefined
}
