import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'

interface Waiter {
  readonly atLeast: number
  readonly atMost: number
  grant(count: number): void
}

/** A counted budget, handed out in the order of asking. */
export class ConnectionSlots {
  readonly size: number
  #free: number
  readonly #waiters: Waiter[] = []

  constructor (size: number) {
    this.size = size
    this.#free = size
  }

  /**
   * Waits until `atLeast` slots are free, and takes up to `atMost` of those free then. Asking for all that one
   * needs at once is what keeps two holders from waiting for each other for ever.
   * @throws {BackupError} `INVALID_OPTION` when the budget is smaller than `atLeast`
   */
  async acquire (atLeast: number, { atMost = atLeast, signal }: AbortOptions & { readonly atMost?: number } = {}): Promise<number> {
    signal?.throwIfAborted()
    if (atLeast > this.size) {
      throw new BackupError('INVALID_OPTION', `${atLeast} connections are needed at once, maxConnections allows ${this.size}`, { data: { atLeast, size: this.size } })
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const waiter: Waiter = { atLeast, atMost, grant: resolve }
    const giveUp = (): void => {
      const at = this.#waiters.indexOf(waiter)
      if (at < 0) return // granted just before
      this.#waiters.splice(at, 1)
      reject(signal?.reason)
      this.#serve()
    }
    signal?.addEventListener('abort', giveUp, { once: true })
    this.#waiters.push(waiter)
    this.#serve()
    return await promise.finally(() => signal?.removeEventListener('abort', giveUp))
  }

  release (count: number): void {
    this.#free += count
    this.#serve()
  }

  #serve (): void {
    for (let next = this.#waiters[0]; next !== undefined && next.atLeast <= this.#free; next = this.#waiters[0]) {
      const count = Math.min(next.atMost, this.#free)
      this.#waiters.shift()
      this.#free -= count
      next.grant(count)
    }
  }
}
