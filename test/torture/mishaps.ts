import { isBackupError } from '../../src/errors.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { NEWEST_CHECKPOINT_KEY } from '../../src/trust/log/log-layout.ts'
import { flipBit } from '../damaged/damage.ts'
import { CHANGES } from './operations.ts'
import type { PlannedOperation } from './operations.ts'
import { damageableKeys, detect, readsNothingWrong, refuseCodeless } from './detection.ts'
import type { World } from './world.ts'
import { demand, lineOf, Violation } from './violation.ts'

const MOST_CHANGES = 25
const CACHES = ['none', 'one', 'other'] as const

export async function restart (world: World): Promise<string> {
  const cache = world.chance.pick(CACHES)!
  await world.restart(cache)
  return `with ${cache === 'none' ? 'no cache' : `cache ${cache}`}`
}

/** The process dies in the middle of a change; a new one finds what it has left. */
export async function crash (world: World): Promise<string> {
  const { name, planned } = await planChange(world)
  const after = world.chance.below(MOST_CHANGES)
  world.backend.crash({ after })
  const failure = await failureOf(planned)
  world.die()
  await world.restart(world.chance.pick(CACHES)!)
  return `${name} ${planned.what} after ${after} changes: ${failure === undefined ? 'it was done before' : await settle(world, planned)}`
}

/** One call to the storage fails, and nothing else; the process lives on. */
export async function fault (world: World): Promise<string> {
  const { name, planned } = await planChange(world)
  const operation = world.chance.pick(['put', 'put', 'get', 'list', 'delete', 'stream', 'size'] as const)!
  const [after, applied] = [world.chance.below(12), world.chance.oneIn(2)]
  world.backend.fail(operation, { after, times: 1, applied })
  const failure = await failureOf(planned)
  world.die()
  if (world.chance.oneIn(2)) await world.restart(world.chance.pick(CACHES)!)
  const how = `${name} ${planned.what}, ${operation} ${after} fails${applied ? ' though it is done' : ''}`
  return `${how}: ${failure === undefined ? 'it was done all the same' : await settle(world, planned)}`
}

/** A bit of a stored object turns over: it must be named, read by nobody, and gone after a repair or when it is turned back. */
export async function damage (world: World): Promise<string> {
  const { chance, backend } = world
  // Of checkpoints only parts can be checked without the witnesses' keys; flips.ts tries those.
  const key = chance.pick((await world.afresh(damageableKeys)).filter(name => !name.startsWith(NEWEST_CHECKPOINT_KEY)))
  if (key === undefined) return 'of nothing, for nothing is stored'
  const intact = (await backend.get(key))!
  const position = chance.below(intact.length)
  await flipBit(backend, key, position, chance.below(8))
  const damaged = (await backend.get(key))!
  demand((await detect(world))(key), `a flipped bit of byte ${position} of ${key} is not found`)
  await readsNothingWrong(world)
  const done = [`byte ${position} of ${key} is found`]
  const attempt = chance.oneIn(3) ? await workOn(world) : undefined
  if (attempt !== undefined) done.push(attempt.told)
  if (chance.oneIn(2)) done.push(await repair(world, key))
  const now = await backend.get(key)
  if (now !== undefined && Buffer.compare(now, damaged) === 0) {
    await backend.put(key, intact)
    done.push('turned back')
  }
  world.die()
  await world.restart('none')
  if (attempt?.refused !== undefined) done.push(await settle(world, attempt.refused))
  return done.join(', ')
}

async function planChange (world: World): Promise<{ readonly name: string, readonly planned: PlannedOperation }> {
  for (;;) {
    const { name, plan } = world.chance.weighted(CHANGES)
    const planned = await plan(world)
    if (planned !== undefined) return { name, planned }
  }
}

async function failureOf (planned: PlannedOperation): Promise<unknown> {
  try {
    await planned.run()
    return undefined
  } catch (error) {
    if (error instanceof Violation) throw error
    demand(isBackupError(error), `it failed without a code: ${lineOf(error)}`, error)
    return error
  }
}

async function settle (world: World, { uncertainty }: PlannedOperation): Promise<string> {
  return world.model.settle(await world.contents(), uncertainty)
}

interface Attempt {
  readonly told: string
  /** What it has left can only be seen when the damage is gone. */
  readonly refused?: PlannedOperation
}

/** Goes on as if nothing were wrong: it may refuse, but must lose nothing. */
async function workOn (world: World): Promise<Attempt | undefined> {
  const { name, planned } = await planChange(world)
  if (name === 'repair') return undefined // that is not to work on
  const failure = await world.restart('none').then(async () => await failureOf(planned), (error: unknown) => error)
  if (failure === undefined) return { told: `${name} done meanwhile` }
  refuseCodeless(failure)
  return { told: `${name} refused meanwhile (${lineOf(failure).slice(0, 80)})`, refused: planned }
}

async function repair (world: World, key: string): Promise<string> {
  try {
    await world.afresh(async repository => await repairRepository(repository))
    const { left } = await world.afresh(async repository => await repairRepository(repository)) // the first run removes no segment
    if (left.length > 0 || (await detect(world))(key)) return 'not to be repaired'
  } catch (error) {
    refuseCodeless(error)
    return 'repair refused'
  }
  return 'repaired'
}
