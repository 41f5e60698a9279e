import { setImmediate as turn } from 'node:timers/promises'
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from '../../src/storage/storage-backend.ts'
import type { AbortOptions, Bytes } from '../../src/stream.ts'

/** Numbers from 0 to `below` − 1, the same for the same seed (xorshift). */
export type Dice = (below: number) => number

export function dice (seed: number): Dice {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  return below => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

/**
 * Several actors on one backend, of which one call at a time goes through: which one, the dice say. Now and then an actor is
 * left alone for long, as a process that was stopped.
 */
export class Interleaving {
  readonly #dice: Dice
  readonly #waiting: Array<{ readonly actor: string, readonly go: () => void }> = []
  readonly #pausedUntil = new Map<string, number>()
  #steps = 0

  constructor (random: Dice) {
    this.#dice = random
  }

  /** The backend as `actor` sees it. */
  backendFor (actor: string, inner: StorageBackend): StorageBackend {
    return new GatedBackend(inner, async () => {
      await new Promise<void>(resolve => { this.#waiting.push({ actor, go: resolve }) })
    })
  }

  /** Runs the actors to their end. */
  async run (actors: ReadonlyArray<Promise<unknown>>): Promise<void> {
    let running = true
    const all = Promise.all(actors).finally(() => { running = false })
    all.catch(() => {})
    while (running) {
      await turn()
      this.#step()
    }
    await all
  }

  #step (): void {
    this.#steps++
    const ready = this.#waiting.filter(({ actor }) => (this.#pausedUntil.get(actor) ?? 0) <= this.#steps)
    const next = ready[this.#dice(Math.max(ready.length, 1))]
    if (next === undefined) return
    if (this.#dice(20) === 0) this.#pausedUntil.set(next.actor, this.#steps + this.#dice(300))
    this.#waiting.splice(this.#waiting.indexOf(next), 1)
    next.go()
  }
}

/** Waits for its turn before each call. */
class GatedBackend extends ForwardingBackend {
  readonly #turn: () => Promise<void>

  constructor (inner: StorageBackend, wait: () => Promise<void>) {
    super(inner)
    this.#turn = wait
  }

  override async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> {
    await this.#turn()
    return await super.put(key, body, options)
  }

  override async get (key: string, options?: RangeOptions): Promise<Uint8Array | undefined> {
    await this.#turn()
    return await super.get(key, options)
  }

  override async size (key: string, options?: AbortOptions): Promise<number | undefined> {
    await this.#turn()
    return await super.size(key, options)
  }

  override async * list (prefix: string, options?: AbortOptions): AsyncGenerator<ObjectEntry> {
    await this.#turn()
    yield * super.list(prefix, options)
  }

  override async delete (key: string, options?: AbortOptions): Promise<boolean> {
    await this.#turn()
    return await super.delete(key, options)
  }
}
