import { collectorGoesOn, collectorSteps } from './collector.ts'
import { isReading, readerSteps } from './reader.ts'
import { firstWorld } from './scenario.ts'
import type { Scenario } from './scenario.ts'
import type { Model } from './search.ts'
import type { Step } from './step.ts'
import { loss, visible } from './storage.ts'
import { END, OVER, START, indices, keyOf } from './world.ts'
import type { World } from './world.ts'
import { writerGoesOn, writerSteps } from './writer.ts'

/**
 * The protocol by which writers, readers and collectors share a repository (docs/concurrency.md), to be searched. Each actor may be
 * stopped, or crash, at any step: it then makes no more. Each lease may be over at any time.
 */
export function protocol (scenario: Scenario): Model<World> {
  const { writers, readers, collectors, coarse = false, copying } = scenario
  const firstCollector = writers.length + readers
  const actors = [
    ...writers.map((_, number) => `writer ${number + 1}`),
    ...Array.from({ length: readers }, () => 'the reader'),
    ...Array.from({ length: collectors }, (_, number) => `collector ${number + 1}`),
    'somebody',
  ]
  return {
    first: firstWorld(scenario),
    actors,
    keyOf: world => keyOf(world, coarse && !copying ? { alike: collectors, coarse, settled: actor => isSettled(world, actor) } : {}),
    steps: world => [...actors.keys()].flatMap(actor => coarse ? stepsOf(world, actor).flatMap(whole) : stepsOf(world, actor)),
    fault: world => loss(world, scenario, readersOf(world).length > 0 ? 1 : 0),
    unfinished: ({ memories }) => [...memories.keys()].filter(actor => memories[actor]!.at !== START && memories[actor]!.at !== END),
  }

  function stepsOf (world: World, actor: number): Step[] {
    if (!isTurn(world, actor)) return []
    if (actor < writers.length) return writerSteps(world, actor, scenario)
    if (actor < firstCollector) return readerSteps(world, actor, scenario)
    return actor < firstCollector + collectors ? collectorSteps(world, actor, actor - firstCollector, scenario) : forgets(world, actor)
  }

  /** Of equal actors the first begins first: the other way round is the same under other names. */
  function isTurn ({ memories }: World, actor: number): boolean {
    const alike = actor < writers.length
      ? actor > 0 && JSON.stringify(writers[actor]) === JSON.stringify(writers[actor - 1])
      : actor > firstCollector && actor < memories.length
    return !alike || memories[actor - 1]!.at !== START
  }

  /** True for who was revoked and has nothing to store any more. */
  function isSettled ({ outcomes, memories }: World, actor: number): boolean {
    return outcomes[actor] === OVER && memories[actor]!.left === 0
  }

  /** The step with what goes on from it. */
  function whole (step: Step): Step[] {
    const { actor, does, next } = step
    const goesOn = actor < writers.length ? writerGoesOn(next, actor, scenario) : actor >= firstCollector && actor < next.memories.length && collectorGoesOn(next, actor)
    return goesOn ? stepsOf(next, actor).flatMap(then => whole({ ...then, does: `${does}, ${then.does}` })) : [step]
  }

  function readersOf (world: World): number[] {
    return Array.from({ length: readers }, (_, reader) => writers.length + reader).filter(reader => isReading(world, reader))
  }

  /** Repository.forget. */
  function forgets (world: World, actor: number): Step[] {
    return [...indices(visible(world, scenario))].map(snapshot => ({
      actor, does: `forgets snapshot ${snapshot}`, next: { ...world, forgotten: world.forgotten | 1 << snapshot },
    }))
  }
}
