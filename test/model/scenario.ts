import type { Rule } from './rules.ts'
import { ABSENT, FRESH, LISTED, NONE } from './world.ts'
import type { Bits, World } from './world.ts'

/** A snapshot that a writer makes. */
export interface WriterTask {
  /** Blobs that it puts one after the other, each into a pack of its own if no copy can be used; `base` is offered for a delta. */
  readonly puts: ReadonlyArray<{ readonly blob: number, readonly base?: number }>
  /** True if it names the first snapshot as its parent and takes all of that over without putting it. */
  readonly inherits?: boolean
  /** True if it goes by an index that it has read before its session, as one without the repository's key: only its plans are new. */
  readonly remembers?: boolean
}

/** Who takes part. Anybody may forget any snapshot at any time besides. */
export interface Scenario {
  /** The packs that are there, each with one blob that is stored whole; the first snapshot is made of all of these. */
  readonly packs: readonly number[]
  readonly writers: readonly WriterTask[]
  /** How many read the first snapshot. */
  readonly readers: number
  /** How many collect garbage, each with one plan of its own. */
  readonly collectors: number
  /** True lets collectors copy what is needed of a pack; else such packs stay. */
  readonly copying: boolean
  /** True takes what an actor reads in one go, and what it does of that at once, as one step, and lets a plan name one pack. */
  readonly coarse?: boolean
  /** The rule that is not kept. */
  readonly without?: Rule
}

/** There are two blobs; a delta of one has the other as its base. */
export const BLOBS = [0, 1] as const
export const BLOB_NAMES = ['A', 'B'] as const

export function firstWorld ({ packs, writers, readers, collectors }: Scenario): World {
  const none = BLOBS.map(() => 0)
  const made = writers.flatMap(({ puts }) => puts).length + collectors * collectors
  return {
    packs: [
      ...packs.map(blob => ({ state: LISTED, copies: none.with(blob, 1) })),
      ...Array.from({ length: made }, () => ({ state: ABSENT, copies: none })),
    ],
    sessions: 0,
    outcomes: Array.from({ length: writers.length + readers }, () => NONE),
    forgotten: 0,
    records: 1,
    plans: [],
    finals: [],
    memories: [
      ...writers.map(({ puts }) => ({ ...FRESH, left: puts.length })),
      ...Array.from({ length: readers }, () => FRESH),
      ...Array.from({ length: collectors }, () => ({ ...FRESH, left: 1 })),
    ],
  }
}

/** The pack that a writer makes of its n-th put. */
export function packOfPut ({ packs, writers }: Scenario, writer: number, put: number): number {
  return packs.length + writers.slice(0, writer).flatMap(({ puts }) => puts).length + put
}

/** The pack that a collector copies to when it has carried out so many plans. */
export function packOfCopies ({ packs, writers, collectors }: Scenario, collector: number, carried: number): number {
  return packs.length + writers.flatMap(({ puts }) => puts).length + collector * collectors + carried
}

/** The blobs that a snapshot is made of. */
export function blobsOf ({ packs, writers }: Scenario, snapshot: number): Bits {
  const all = (blobs: readonly number[]): Bits => blobs.reduce((bits, blob) => bits | 1 << blob, 0)
  if (snapshot === 0) return all(packs)
  const { puts, inherits = false } = writers[snapshot - 1]!
  return all(puts.map(({ blob }) => blob)) | (inherits ? all(packs) : 0)
}

/** True if that session names the first snapshot. */
export function namesFirst ({ writers }: Scenario, session: number): boolean {
  return writers[session] === undefined || writers[session].inherits === true
}
