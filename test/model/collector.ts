import { evacuations } from './evacuation.ts'
import { blobsOf, namesFirst, packOfCopies } from './scenario.ts'
import type { Scenario } from './scenario.ts'
import type { Step } from './step.ts'
import { committed, givenUp, openSessions, present, visible, withOutcome, withPack, withoutPacks } from './storage.ts'
import { END, LISTED, NONE, OVER, START, STORED, bitsOf, has, indices, moved } from './world.ts'
import type { Bits, Memory, World } from './world.ts'

const LOOK = 2
const FINAL = 3
const PLAN = 4
const SESSIONS = 5
const WAIT = 6
const FORGOTTEN = 7
const OPEN = 8
const OUTCOMES = 9
const HELD = 10
const AGAIN = 11
const FORGOTTEN_AGAIN = 12
const EVACUATE = 13
const LIST = 14
const AGREE = 15
const FINISH = 16
const TIDY = 17

/** What a collector can do next: applyGarbage. `number` counts collectors from 0. */
export function collectorSteps (world: World, actor: number, number: number, scenario: Scenario): Step[] {
  const memory = world.memories[actor]!
  const { without } = scenario
  const { newest } = memory
  switch (memory.at) {
    case START:
    case LOOK: // finishEarlier, PlanReader.read: the list
      return [step('lists the plans', { at: FINAL, newest: world.plans.length })]
    case FINAL: // PlanReader.read: the newest final, or the plan that has none yet
      return [readFinal()]
    case PLAN: // createRecord(planKey(n))
      return plans()
    case SESSIONS: // waitForSessions, openSessions
      return [step('lists the open sessions', { at: WAIT, awaited: openSessions(world) })]
    case WAIT: // waitForSessions: revokeIfDead, or go on to findRoots: Commits.visible, the list of outcomes
      return wait()
    case FORGOTTEN: // Commits.visible: the list of what is forgotten
      return [step('lists what is forgotten', { at: OPEN, commits: 0, roots: memory.commits & ~world.forgotten })]
    case OPEN: // openSessions: the list of sessions
      return [step('lists the sessions', ofInterest())]
    case OUTCOMES: // openSessions: the list of outcomes
      return [step('lists the outcomes', withSeen(memory.seen & openSessions(world)))]
    case HELD: // findRoots: revokeIfDead, or a root
      return judge([...indices(memory.seen)][0]!)
    case AGAIN: // findRoots: Commits.visible once more
      return [step('lists the commits again', { at: FORGOTTEN_AGAIN, commits: committed(world, scenario) })]
    case FORGOTTEN_AGAIN:
      return [step('lists what is forgotten again', { at: EVACUATE, commits: 0, roots: memory.roots | (memory.commits & ~world.forgotten) })]
    case EVACUATE: // Evacuator.run, PackSink.#write
      return evacuate()
    case LIST: // PackSink.#writeSegment
      return [step(`lists pack ${ownPack()}`, { at: without === 'listedFirst' ? FINISH : AGREE }, withPack(world, ownPack(), { state: LISTED }))]
    case AGREE: // agree: createRecord(finalKey(n))
      return [agree()]
    case FINISH: // finish. One step, since who is stopped in between has deleted less.
      return [finish()]
    case TIDY:
      return [step('deletes outcomes', ENDED, { outcomes: world.outcomes.map(outcome => outcome === OVER ? NONE : outcome) })]
    default:
      return []
  }

  function step (does: string, next: Partial<Memory>, changes?: Partial<World>): Step {
    return { actor, does, next: moved(world, actor, next, changes) }
  }

  function readFinal (): Step {
    if (newest === 0) return step('finds no plan', { at: PLAN })
    const final = world.finals[newest - 1]
    if (final !== undefined) return step('reads the final', { at: (final & present(world)) === 0 ? PLAN : FINISH })
    if (without === 'helping') return step('finds an open plan', { at: LOOK, newest: 0 })
    if (without === 'plansStay') return step(`withdraws plan ${newest}`, { at: LOOK, newest: 0 }, { plans: world.plans.slice(0, newest - 1) })
    return step('finds an open plan', { at: SESSIONS, packs: world.plans[newest - 1]!, ...early() })
  }

  function plans (): Step[] {
    const there = present(world) & ~givenUp(world)
    if (there === 0) return [step('finds nothing to do', ENDED)]
    if (world.plans.length !== newest) return [step('finds that another was quicker', { at: LOOK, newest: 0 })]
    return [...choices(there, scenario)].map(packs => step(`plans ${nameAll(packs)}`, { at: SESSIONS, newest: newest + 1, packs, left: 0, ...early() }, { plans: [...world.plans, packs] }))
  }

  /** Without the second mark it goes by what it found when it planned. */
  function early (): Partial<Memory> {
    return without === 'remark' ? { roots: visible(world, scenario) } : {}
  }

  function wait (): Step[] {
    const open = memory.awaited & openSessions(world)
    // When a lease is over is anybody's choice.
    if (open !== 0) return without === 'leases' ? [] : [...indices(open)].map(session => step(`revokes session ${session + 1}`, {}, withOutcome(world, session, OVER)))
    if (without === 'remark') return [step('sees all of them ended', { at: EVACUATE, awaited: 0 })]
    return [step('sees all of them ended, lists the commits', { at: FORGOTTEN, awaited: 0, commits: committed(world, scenario) })]
  }

  /** Sessions that name what is forgotten. */
  function ofInterest (): Partial<Memory> {
    if (without === 'sessionsAreRoots' || has(memory.roots, 0)) return withSeen(0)
    const seen = bitsOf(world.outcomes, (_, session) => has(world.sessions, session) && namesFirst(scenario, session))
    return { at: OUTCOMES, seen }
  }

  function withSeen (seen: Bits): Partial<Memory> {
    return { seen, at: seen !== 0 ? HELD : without === 'remarkTwice' ? EVACUATE : AGAIN }
  }

  function judge (session: number): Step[] {
    const next = withSeen(memory.seen & ~(1 << session))
    return [
      step(`counts what session ${session + 1} names`, { ...next, roots: memory.roots | 1 }),
      step(`takes session ${session + 1} for dead`, next, withOutcome(world, session, OVER)),
    ]
  }

  function evacuate (): Step[] {
    const needed = [...indices(memory.roots)].reduce((blobs: Bits, snapshot) => blobs | blobsOf(scenario, snapshot), 0)
    return [...evacuations(world, memory.packs, needed, without)].flatMap(({ doomed, copies }) => {
      const next = { roots: 0, packs: doomed }
      if (copies.every(copy => copy === 0)) return [step(`may delete ${nameAll(doomed)}`, { ...next, at: AGREE })]
      if (!scenario.copying) return []
      const at = without === 'listedFirst' ? AGREE : LIST
      return [step(`copies to pack ${ownPack()}, may then delete ${nameAll(doomed)}`, { ...next, at }, withPack(world, ownPack(), { state: STORED, copies }))]
    })
  }

  function ownPack (): number {
    return packOfCopies(scenario, number, memory.carried)
  }

  function agree (): Step {
    const at = without === 'listedFirst' && world.packs[ownPack()]!.state === STORED ? LIST : FINISH
    if (without === 'oneFinal') return step(`makes the final: ${nameAll(memory.packs)}`, { at }, withFinal())
    if (world.finals[newest - 1] !== undefined) return step('finds a final', { at, packs: 0 })
    return step(`makes the final: ${nameAll(memory.packs)}`, { at, packs: 0 }, withFinal())
  }

  function withFinal (): Pick<World, 'finals'> {
    return { finals: Object.assign([...world.finals], { [newest - 1]: memory.packs }) }
  }

  function finish (): Step {
    const gone = without === 'oneFinal' ? memory.packs : givenUp(world)
    const next = memory.left > 0 ? { at: LOOK, newest: 0, packs: 0, carried: memory.carried + 1 } : ENDED
    return step(`deletes ${nameAll(gone)}`, without === 'outcomesStay' ? { at: TIDY } : next, withoutPacks(world, gone))
  }
}

/** True where it goes on with what the step before has begun. */
export function collectorGoesOn ({ memories }: World, actor: number): boolean {
  return [FINAL, FORGOTTEN, OUTCOMES, FORGOTTEN_AGAIN, AGREE, FINISH].includes(memories[actor]!.at)
}

const ENDED = { at: END, newest: 0, packs: 0, left: 0, carried: 0 }

/** What a plan may name: what is found when planning is no more than a hint, so it is anybody's choice. */
function * choices (there: Bits, { coarse = false }: Scenario): Generator<Bits> {
  for (const index of indices(there)) yield 1 << index
  if (!coarse && (there & there - 1) !== 0) yield there
}

function nameAll (packs: Bits): string {
  return packs === 0 ? 'nothing' : `pack ${[...indices(packs)].join(' and ')}`
}
