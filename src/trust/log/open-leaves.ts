import { readFile, writeFile } from 'node:fs/promises'
import { FORGOTTEN_PREFIX } from '../../cas/layout.ts'
import type { Repository } from '../../cas/repository.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Log } from './log.ts'
import type { Act, Opening } from './opening.ts'

/** What to do about leaves that speak of something that was not finished when they were added. */
export interface Closing {
  /** Leaves that are to be added. */
  readonly acts: readonly Act[]
  /** Snapshots that the log calls forgotten, and that are not yet. */
  readonly forget: readonly string[]
}

/** How far back leaves are looked at where nothing is remembered: everyone who appended since has looked at them too. */
const WINDOW = 64

/** Follows the log and knows which of its leaves wait for another. What it has seen it can keep in a file of this host's; losing that costs little. */
export class OpenLeaves {
  readonly #path: string | undefined
  /** Leaves looked at; undefined before the first. */
  #size: number | undefined
  #proposed = new Set<string>()
  #forgotten = new Set<string>()

  constructor (path?: string) {
    this.#path = path
  }

  /** Learns the leaves that were added since; `size` of them are there. */
  async follow (log: Log, size: number, { signal }: AbortOptions = {}): Promise<void> {
    await this.#load()
    const from = this.#size !== undefined && this.#size <= size ? this.#size : Math.max(0, size - WINDOW)
    for await (const { opening } of log.entries({ from, to: size, signal })) this.#apply(opening)
    this.#size = size
    if (from < size) await this.#save()
  }

  /** What is to be done for leaves whose session is over, or whose forgetting was cut off. */
  async closing ({ backend, commits }: Pick<Repository, 'backend' | 'commits'>, { signal }: AbortOptions = {}): Promise<Closing> {
    const acts: Act[] = []
    for (const snapshot of this.#proposed) {
      const outcome = await commits.read(snapshot, { signal })
      if (outcome === 'none') acts.push({ kind: 'abandoned', snapshot })
      else if (outcome !== undefined) acts.push({ kind: 'committed', snapshot, root: outcome.root, validatedBy: [...outcome.validatedBy] })
    }
    const forget: string[] = []
    for (const snapshot of this.#forgotten) {
      const isDone = await backend.size(FORGOTTEN_PREFIX + snapshot, { signal }) !== undefined
      if (isDone) this.#forgotten.delete(snapshot)
      else forget.push(snapshot)
    }
    return { acts, forget }
  }

  #apply (opening: Opening): void {
    if (opening.kind === 'snapshot') this.#proposed.add(opening.snapshot)
    if (opening.kind === 'committed' || opening.kind === 'abandoned') this.#proposed.delete(opening.snapshot)
    if (opening.kind === 'forgotten') this.#forgotten.add(opening.snapshot)
  }

  async #load (): Promise<void> {
    if (this.#path === undefined || this.#size !== undefined) return
    try {
      const kept = JSON.parse(await readFile(this.#path, 'utf8')) as { readonly size: number, readonly proposed: readonly string[], readonly forgotten: readonly string[] }
      ;[this.#size, this.#proposed, this.#forgotten] = [Number(kept.size), new Set(kept.proposed), new Set(kept.forgotten)]
    } catch { /* none yet, or damaged: the last leaves are looked at */ }
  }

  async #save (): Promise<void> {
    if (this.#path === undefined) return
    const kept = { size: this.#size, proposed: [...this.#proposed], forgotten: [...this.#forgotten] }
    await writeFile(this.#path, JSON.stringify(kept), { mode: 0o600 }).catch(() => undefined) // a shortcut only
  }
}
