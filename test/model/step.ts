import type { World } from './world.ts'

/** One thing that an actor can do next: one call of the storage, or what follows from it in memory. */
export interface Step {
  readonly actor: number
  /** What it does, for people. */
  readonly does: string
  readonly next: World
}
