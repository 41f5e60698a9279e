import { Chance } from './chance.ts'
import { leavesNothing } from './last-collection.ts'
import { crash, damage, fault, restart } from './mishaps.ts'
import { CHANGES, READS } from './operations.ts'
import type { Operation } from './operations.ts'
import type { Tally } from './tally.ts'
import { Violation, lineOf } from './violation.ts'
import { World } from './world.ts'

export interface OperationsRequest {
  readonly seed: number
  readonly operations: number
  readonly tally: Tally
  readonly signal?: AbortSignal | undefined
}

/** A repository gets old and then dies. Every second one is sealed, every fifth lives in files. */
const OPERATIONS_OF_A_WORLD = 60
const SEALED_WORLDS = 2
const WORLDS_IN_FILES = 5
const MOST_SNAPSHOTS = 8

interface Mishap {
  readonly name: 'restart' | 'crash' | 'fault' | 'damage'
  readonly weight: number
  befall(world: World): Promise<string>
}

const MISHAPS: readonly Mishap[] = [
  { name: 'restart', weight: 8, befall: restart },
  { name: 'crash', weight: 10, befall: crash },
  { name: 'fault', weight: 10, befall: fault },
  { name: 'damage', weight: 8, befall: damage },
]

/**
 * Does random things to repositories and to a model of each; after each step both must be the same, every byte of it.
 * @throws {Violation} with the steps that led to it
 */
export async function randomOperations ({ seed, operations, tally, signal }: OperationsRequest): Promise<void> {
  for (let done = 0, n = 0; done < operations && signal?.aborted !== true; n++) {
    const count = Math.min(OPERATIONS_OF_A_WORLD, operations - done)
    await liveAndDie(seed + n, { operations: count, tally, signal })
    done += count
  }
}

async function liveAndDie (seed: number, { operations, tally, signal }: Omit<OperationsRequest, 'seed'>): Promise<void> {
  const [sealed, inFiles] = [seed % SEALED_WORLDS === 0, seed % WORLDS_IN_FILES === 0]
  const world = await World.create(new Chance(seed), { inFiles, sealed })
  const steps: string[] = [`seed ${seed}, a ${sealed ? 'sealed ' : ''}repository in ${inFiles ? 'files' : 'memory'}`]
  try {
    for (let i = 0; i < operations && signal?.aborted !== true; i++) {
      world.tick()
      await step(world, steps, tally)
      await world.check()
    }
    steps.push('the end: everything is forgotten and collected')
    await leavesNothing(world)
  } catch (error) {
    throw new Violation(`${lineOf(error)}${error instanceof Error && error.cause !== undefined ? ` (${lineOf(error.cause)})` : ''}`, { steps, cause: error })
  } finally {
    await world.close()
  }
}

async function step (world: World, steps: string[], tally: Tally): Promise<void> {
  const chosen = world.chance.weighted<Operation | Mishap>([...CHANGES, ...READS, ...MISHAPS])
  const operation = world.model.size > MOST_SNAPSHOTS ? CHANGES.find(({ name }) => name === 'forget')! : chosen
  tally.count('operations', operation.name)
  if ('befall' in operation) {
    steps.push(`${operation.name} …`)
    steps[steps.length - 1] = `${operation.name} ${await operation.befall(world)}`
    return
  }
  const planned = await operation.plan(world)
  steps.push(`${operation.name} ${planned?.what ?? 'of nothing: there is none'}`)
  await planned?.run()
}
