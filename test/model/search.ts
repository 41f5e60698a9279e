/** Something that makes steps, to be searched. */
export interface Model<W> {
  readonly first: W
  steps(world: W): ReadonlyArray<{ readonly actor: number, readonly does: string, readonly next: W }>
  /** Equal for worlds that differ in nothing that matters. */
  keyOf(world: W): string
  /** What is wrong with a world, if anything. */
  fault(world: W): string | undefined
  /** Actors that have begun and are not at their end. */
  unfinished(world: W): readonly number[]
  /** Names of the actors. */
  readonly actors: readonly string[]
}

export interface Found {
  readonly why: string
  /** The shortest way there: what is done, one step after the other. */
  readonly trace: readonly string[]
}

export interface Searched {
  readonly states: number
  readonly found: Found | undefined
}

export interface SearchOptions {
  /** Looks also for an actor that could be kept from its end; the model's keys must then tell actors apart. @default true */
  readonly ends?: boolean
}

/**
 * Visits every world that can be reached, the nearest first, up to the first fault. If there is none, looks for a world in which
 * an actor does not get to its end by its own steps alone: it would be blocked for ever by others that were stopped.
 */
export function search<W> (model: Model<W>, { ends = true }: SearchOptions = {}): Searched {
  const ids = new Map<string, number>([[model.keyOf(model.first), 0]])
  const parents: number[] = [-1]
  const runs = ends ? model.actors.map(() => new OwnSteps()) : []
  let frontier: W[] = [model.first]
  for (let from = 0; frontier.length > 0;) {
    const next: W[] = []
    for (const world of frontier) {
      const why = model.fault(world)
      if (why !== undefined) return { states: ids.size, found: { why, trace: traceTo(model, from, parents, ids) } }
      if (ends) for (const actor of model.unfinished(world)) runs[actor]!.unfinished.push(from)
      for (const step of model.steps(world)) {
        const key = model.keyOf(step.next)
        let to = ids.get(key)
        if (to === undefined) {
          to = ids.size
          ids.set(key, to)
          parents.push(from)
          next.push(step.next)
        }
        runs[step.actor]?.note(from, to)
      }
      from++
    }
    frontier = next
  }
  for (const [actor, run] of runs.entries()) {
    const id = run.blocked(ids.size)
    if (id !== undefined) return { states: ids.size, found: { why: `${model.actors[actor]} never ends`, trace: traceTo(model, id, parents, ids) } }
  }
  return { states: ids.size, found: undefined }
}

/** The steps of one actor, from world to world. */
class OwnSteps {
  /** Worlds in which it is not at its end. */
  readonly unfinished: number[] = []
  readonly #from: number[] = []
  readonly #to: number[] = []

  note (from: number, to: number): void {
    this.#from.push(from)
    this.#to.push(to)
  }

  /** A world from which no run of its own steps leads to its end; one in which it has no step at all if there is. */
  blocked (worlds: number): number | undefined {
    const stuck = new Uint8Array(worlds)
    for (const id of this.unfinished) stuck[id] = 1
    for (let changed = true; changed;) {
      changed = false
      for (let i = this.#from.length - 1; i >= 0; i--) {
        if (stuck[this.#from[i]!] === 0 || stuck[this.#to[i]!] === 1) continue
        stuck[this.#from[i]!] = 0
        changed = true
      }
    }
    for (const from of this.#from) if (stuck[from] === 1) stuck[from] = 2
    const id = stuck.includes(1) ? stuck.indexOf(1) : stuck.indexOf(2)
    return id < 0 ? undefined : id
  }
}

function traceTo<W> (model: Model<W>, id: number, parents: readonly number[], ids: ReadonlyMap<string, number>): string[] {
  const path: number[] = []
  for (let at = id; at > 0; at = parents[at]!) path.unshift(at)
  let world = model.first
  return path.map(wanted => {
    const step = model.steps(world).find(({ next }) => ids.get(model.keyOf(next)) === wanted)!
    world = step.next
    return `${model.actors[step.actor]} ${step.does}`
  })
}
