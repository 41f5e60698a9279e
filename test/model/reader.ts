import type { Scenario } from './scenario.ts'
import type { Step } from './step.ts'
import { visible, withOutcome } from './storage.ts'
import { END, NONE, OVER, START, has, moved } from './world.ts'
import type { World } from './world.ts'

const CHECK = 2
const READ = 3
const PUBLISH = 4

/** What a reader of the first snapshot can do next: Repository.openReader, ReaderSession. */
export function readerSteps (world: World, reader: number, scenario: Scenario): Step[] {
  const early = scenario.without === 'parentsAfter'
  switch (world.memories[reader]!.at) {
    case START: return [early ? check(PUBLISH) : publish(CHECK)] // Session.open
    case PUBLISH: return [publish(READ)]
    case CHECK: return [check(READ)] // Commits.checkVisible
    case READ: return [step('closes', END, withOutcome(world, reader, OVER))] // ReaderSession.close
    default: return []
  }

  function step (does: string, at: number, changes?: Partial<World>): Step {
    return { actor: reader, does, next: moved(world, reader, { at }, changes) }
  }

  function publish (at: number): Step {
    return step('publishes its session', at, { sessions: world.sessions | 1 << reader })
  }

  function check (at: number): Step {
    if (has(visible(world, scenario), 0)) return step('sees that snapshot 0 is visible', at)
    return step('finds snapshot 0 forgotten', END, withOutcome(world, reader, OVER))
  }
}

/** True while it was promised that its snapshot stays: it has seen that it is visible, and was not revoked. */
export function isReading ({ memories, outcomes }: World, reader: number): boolean {
  return memories[reader]!.at === READ && outcomes[reader] === NONE
}
