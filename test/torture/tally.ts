/** What is counted. */
export type Counted = 'operations' | 'faults' | 'kills' | 'flips' | 'inputs'

export interface TallyRow {
  readonly what: Counted
  readonly kind: string
  readonly count: number
}

/** A guarantee that was broken, and how to see it again. */
export interface Loss {
  readonly part: Counted
  readonly message: string
  readonly steps: readonly string[]
}

/** The account of a run. */
export class Tally {
  readonly losses: Loss[] = []
  readonly #counts = new Map<Counted, Map<string, number>>()

  count (what: Counted, kind: string, more = 1): void {
    const kinds = this.#counts.get(what) ?? new Map<string, number>()
    kinds.set(kind, (kinds.get(kind) ?? 0) + more)
    this.#counts.set(what, kinds)
  }

  total (what: Counted): number {
    return this.rows(what).reduce((sum, { count }) => sum + count, 0)
  }

  /** The kinds of `what`, by name. */
  rows (what: Counted): TallyRow[] {
    return [...this.#counts.get(what) ?? []].map(([kind, count]) => ({ what, kind, count })).sort((a, b) => a.kind < b.kind ? -1 : 1)
  }

  lost (loss: Loss): void {
    this.losses.push(loss)
  }
}
