import { BLOB_NAMES, namesFirst, packOfPut } from './scenario.ts'
import type { Scenario, WriterTask } from './scenario.ts'
import type { Step } from './step.ts'
import { givenUp, listed, present, usable, visible, withOutcome, withPack } from './storage.ts'
import { COMMIT, END, LISTED, NONE, OVER, START, STORED, has, moved } from './world.ts'
import type { Bits, Memory, World } from './world.ts'

const PLANS = 2
const FINALS = 3
const INDEX = 4
const PUBLISH = 5
const PARENTS = 6
const PUT = 7
const ASK = 8
const SEGMENT = 9
const OUTCOME = 10
const RECORD = 11
const REMEMBERED = 12

/** What a writer can do next: Repository.openWriter, WriterSession.put, PackSink, WriterSession.commit. */
export function writerSteps (world: World, writer: number, scenario: Scenario): Step[] {
  const memory = world.memories[writer]!
  const { puts, remembers = false } = scenario.writers[writer]!
  const { without } = scenario
  const named = namesFirst(scenario, writer)
  switch (memory.at) {
    case START: // Session.open
      if (remembers) return [step('reads the index', { at: REMEMBERED, packs: listed(world) })]
      if (without === 'sessionFirst') return [listPlans()]
      return [without === 'parentsAfter' && named ? checkParent(PUBLISH) : publish(PLANS)]
    case REMEMBERED:
      return [publish(PLANS)]
    case PLANS: // PlanReader.read: the list
      return [listPlans()]
    case FINALS: // PlanReader.read: the newest final, or the plan that has none yet
      if (remembers) return [step('reads the newest final', { at: INDEX, newest: 0, packs: memory.packs & ~avoided(world, memory.newest) })]
      return [step('reads the newest final', { at: INDEX, newest: 0, packs: avoided(world, memory.newest) })]
    case INDEX: // BlobIndex.refresh, intactPacks
      if (remembers) return [step('lists the packs', { at: afterSession(), packs: memory.packs & present(world) })]
      return [step('reads the index', { at: afterIndex(), packs: puts.length > 0 ? listed(world) & ~memory.packs : 0 })]
    case PUBLISH:
      return [publish(without === 'parentsAfter' ? PLANS : afterSession())]
    case PARENTS: // Commits.checkVisible
      return [checkParent(nextOf(memory))]
    case PUT: // WriterSession.put, PackSink.append, PackSink.#write
      return [put(puts[puts.length - memory.left]!)]
    case ASK: // Session.askNotRevoked, before each segment
      return [world.outcomes[writer] === OVER ? step('learns that it was revoked', ENDED) : step('sees that it was not revoked', { at: SEGMENT })]
    case SEGMENT: // PackSink.#writeSegment, ReusableCopies.addPacks
      return [step(`lists pack ${ownPack()}`, afterPut(memory, memory.packs | 1 << ownPack()), withPack(world, ownPack(), { state: LISTED }))]
    case OUTCOME: // WriterSession.commit, Session.end
      return [commit()]
    case RECORD:
      return [step(`writes the record of snapshot ${writer + 1}`, ENDED, { records: world.records | 1 << writer + 1 })]
    default:
      return []
  }

  function step (does: string, next: Partial<Memory>, changes?: Partial<World>): Step {
    return { actor: writer, does, next: moved(world, writer, next, changes) }
  }

  function publish (at: number): Step {
    return step('publishes its session', { at }, { sessions: world.sessions | 1 << writer })
  }

  function listPlans (): Step {
    return step('lists the plans', { at: FINALS, newest: world.plans.length })
  }

  function checkParent (at: number): Step {
    if (has(visible(world, scenario), 0)) return step('sees that its parent is visible', { at })
    return step('finds its parent forgotten', ENDED, withOutcome(world, writer, OVER))
  }

  function afterIndex (): number {
    return without === 'sessionFirst' ? PUBLISH : afterSession()
  }

  function afterSession (): number {
    return named && without !== 'parentsAfter' ? PARENTS : nextOf(memory)
  }

  function put ({ blob, base }: WriterTask['puts'][number]): Step {
    const name = BLOB_NAMES[blob]
    if (usable(world, blob, memory.packs, scenario) > 0) return step(`finds blob ${name} stored`, afterPut(memory))
    const depth = base === undefined ? 0 : usable(world, base, memory.packs, scenario) // Depth of the base's copy plus 1, or none.
    const state = world.packs[ownPack()]!.state === LISTED ? LISTED : STORED
    return step(`puts blob ${name} into pack ${ownPack()}`, { at: ASK }, withPack(world, ownPack(), { state, copies: [0, 0].with(blob, depth + 1) }))
  }

  function ownPack (): number {
    return without === 'newNames' ? 0 : packOfPut(scenario, writer, puts.length - memory.left)
  }

  function commit (): Step {
    if (world.outcomes[writer] !== NONE) return step('learns that it was revoked', ENDED)
    if (without === 'oneRecord') return step('writes its outcome', { ...ENDED, at: RECORD }, withOutcome(world, writer, COMMIT))
    return step(`commits snapshot ${writer + 1}`, ENDED, withOutcome(world, writer, COMMIT))
  }
}

/** True where it goes on with what the step before has begun, and nobody else can make a difference that matters. */
export function writerGoesOn (world: World, writer: number, scenario: Scenario): boolean {
  const { at, left, packs } = world.memories[writer]!
  if (at === FINALS || at === INDEX || at === SEGMENT) return true
  const { puts } = scenario.writers[writer]!
  return at === PUT && usable(world, puts[puts.length - left]!.blob, packs, scenario) > 0
}

const ENDED = { at: END, newest: 0, packs: 0, left: 0 }

function nextOf ({ left }: Memory): number {
  return left > 0 ? PUT : OUTCOME
}

function afterPut ({ left, packs }: Memory, reusable = packs): Partial<Memory> {
  return left > 1 ? { at: PUT, left: left - 1, packs: reusable } : { at: OUTCOME, left: 0, packs: 0 }
}

/** Packs that a writer builds nothing on: those of the open plan, and those given up. */
function avoided ({ plans, finals }: World, newest: number): Bits {
  const open = newest > 0 && finals[newest - 1] === undefined ? plans[newest - 1]! : 0
  return open | givenUp({ finals: finals.slice(0, newest) })
}
