/** A number whose bits stand for packs, sessions or snapshots. */
export type Bits = number

export const ABSENT = 0
/** Durable, but no index segment lists it. */
export const STORED = 1
export const LISTED = 2
export const DELETED = 3

/** `blobs/<name>.pack` and whether a segment lists it. */
export interface Pack {
  readonly state: number
  /** For each blob 0 without a copy here, else the copy's depth plus 1. */
  readonly copies: readonly number[]
}

export const NONE = 0
export const COMMIT = 1
/** `closed` or `revoked`: to everybody else the same. */
export const OVER = 2

/** What the storage holds, and what each actor remembers. Never changed: a step makes another one. */
export interface World {
  readonly packs: readonly Pack[]
  /** `sessions/<id>`: the writers' first, then the readers'. */
  readonly sessions: Bits
  /** `outcomes/<id>`, by session. */
  readonly outcomes: readonly number[]
  /** `forgotten/<id>`: snapshot 0 was there before, snapshot i + 1 is that of writer i. */
  readonly forgotten: Bits
  /** Snapshots with a record of their own; only where the outcome is not the commit record. */
  readonly records: Bits
  /** `plans/<n>`: the packs that plan n + 1 names. */
  readonly plans: readonly Bits[]
  /** `plans/<n>.final`: the packs that go. */
  readonly finals: ReadonlyArray<Bits | undefined>
  /** What each actor remembers. */
  readonly memories: readonly Memory[]
}

/** A process: where it is in its program, and its variables. A crash is a process that makes no more steps. */
export interface Memory {
  readonly at: number
  /** Number of the newest plan that it has seen. */
  readonly newest: number
  /** A writer's: packs that it may build on. A collector's: packs that it means to delete. */
  readonly packs: Bits
  /** Sessions whose outcome a collector waits for. */
  readonly awaited: Bits
  /** Sessions that may hold a forgotten snapshot, when a collector looks for roots. */
  readonly seen: Bits
  /** Snapshots that a collector knows as committed. */
  readonly commits: Bits
  /** Snapshots that a collector marks from. */
  readonly roots: Bits
  /** Work still to do: blobs to put, plans to make. */
  readonly left: number
  /** Plans carried out so far: which pack of its own a collector copies to next. */
  readonly carried: number
}

/** Every program begins and ends here. */
export const START = 0
export const END = 1

export const FRESH: Memory = { at: START, newest: 0, packs: 0, awaited: 0, seen: 0, commits: 0, roots: 0, left: 0, carried: 0 }

const SETTLED: Memory = { ...FRESH, at: END }

/** The world after an actor has moved on to `memory`; `changes` are those of the storage. */
export function moved (world: World, actor: number, memory: Partial<Memory>, changes?: Partial<World>): World {
  const memories = world.memories.with(actor, { ...world.memories[actor]!, ...memory })
  return { ...world, ...changes, memories }
}

export interface KeyOptions {
  /** So many of the last actors are the same but for their names. @default 0 */
  readonly alike?: number
  /** Leaves out what a carried out plan named: by then its final's packs are deleted, and late comers' findings count for nothing. */
  readonly coarse?: boolean
  /** True for actors that make no difference to others any more. */
  readonly settled?: (actor: number) => boolean
}

/** All that tells one world from another, as a short string. What nobody can learn any more is left out. */
export function keyOf (world: World, { alike = 0, coarse = false, settled = () => false }: KeyOptions = {}): string {
  const { packs, sessions, outcomes, forgotten, records, plans, finals, memories } = world
  const codes = [sessions, forgotten, records, plans.length, ...outcomes]
  for (const [index, plan] of plans.entries()) {
    const final = finals[index]
    codes.push(...final === undefined ? [plan, 0] : coarse ? [0, 1] : [plan, final + 1])
  }
  for (const { state, copies } of packs) codes.push(copies.reduce((code, copy) => code * 8 + copy, state))
  const open = bitsOf(outcomes, outcome => outcome === NONE)
  const parts = memories.map((memory, actor) => {
    if (settled(actor)) return codeOf(SETTLED, open)
    return coarse && finals[memory.newest - 1] !== undefined ? codeOf({ ...memory, packs: 0, commits: 0, roots: 0 }, open) : codeOf(memory, open)
  })
  const others = parts.splice(parts.length - alike)
  return String.fromCharCode(...codes) + parts.join('') + others.sort().join('')
}

/** A session that has ended is not waited for any more, whoever listed it. */
function codeOf ({ at, newest, packs, awaited, seen, commits, roots, left, carried }: Memory, open: Bits): string {
  return String.fromCharCode(at * 8 + newest, packs, (awaited & open) * 64 + seen, commits * 8 + carried, roots * 8 + left)
}

export function has (bits: Bits, index: number): boolean {
  return (bits >> index & 1) === 1
}

/** The positions of the bits that are set. */
export function * indices (bits: Bits): Generator<number> {
  for (let index = 0; bits >> index > 0; index++) if (has(bits, index)) yield index
}

/** The bits of the items that fit. */
export function bitsOf<T> (items: readonly T[], fits: (item: T, index: number) => boolean): Bits {
  return items.reduce((bits: Bits, item, index) => fits(item, index) ? bits | 1 << index : bits, 0)
}
