import { differenceOf } from './fingerprint.ts'
import type { Contents } from './fingerprint.ts'
import { demand } from './violation.ts'

/** What may have happened when an act failed, so that nobody knows. */
export interface Uncertainty {
  /** A snapshot of this may have become visible. */
  readonly mayAppear?: Contents
  /** This snapshot may have been forgotten, or will be by a later operation, once the log says so. */
  readonly mayVanish?: string
}

/** What a repository must hold, kept beside it: which snapshots are visible, and what is in each. */
export class Model {
  readonly #visible = new Map<string, Contents>()
  /** Those that may vanish at any time, since forgetting them failed after it had begun. */
  readonly #undecided = new Set<string>()

  /** Snapshots that are there for sure. */
  get ids (): string[] {
    return [...this.#visible.keys()].filter(id => !this.#undecided.has(id))
  }

  get size (): number {
    return this.#visible.size
  }

  contents (id: string): Contents | undefined {
    return this.#visible.get(id)
  }

  add (id: string, contents: Contents): void {
    this.#visible.set(id, contents)
  }

  forget (id: string): void {
    this.#visible.delete(id)
    this.#undecided.delete(id)
  }

  /**
   * Learns which of the two possible states a failed act has left.
   * @param found what is visible now
   * @throws {Violation} when it is neither
   */
  settle (found: ReadonlyMap<string, Contents>, { mayAppear, mayVanish }: Uncertainty): string {
    const learned: string[] = []
    if (mayVanish !== undefined && !found.has(mayVanish)) {
      this.forget(mayVanish)
      learned.push('it is forgotten')
    } else if (mayVanish !== undefined) this.#undecided.add(mayVanish)
    const more = [...found].filter(([id]) => !this.#visible.has(id))
    for (const [id, contents] of mayAppear === undefined ? [] : more.slice(0, 1)) {
      const difference = differenceOf(contents, mayAppear!)
      demand(difference === undefined, () => `a snapshot that failed is visible and ${difference}`)
      this.add(id, contents)
      learned.push(`it is visible as ${id.slice(0, 8)}`)
    }
    return learned.join(', ') || 'nothing happened'
  }

  /** @throws {Violation} unless exactly the right snapshots are visible, each with exactly its contents */
  check (found: ReadonlyMap<string, Contents>): void {
    for (const [id, wanted] of this.#visible) {
      const contents = found.get(id)
      if (contents === undefined && this.#undecided.has(id)) {
        this.forget(id)
        continue
      }
      demand(contents !== undefined, () => `snapshot ${id} is lost`)
      const difference = differenceOf(contents, wanted)
      demand(difference === undefined, () => `in snapshot ${id} ${difference}`)
    }
    for (const id of found.keys()) demand(this.#visible.has(id), () => `snapshot ${id} is visible and should not be`)
  }
}
