import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts'
import type { PutOptions } from '../../src/storage/storage-backend.ts'
import type { Bytes } from '../../src/stream.ts'

export interface Hold {
  /** Resolves when a put has come that far. */
  readonly reached: Promise<void>
  release(): void
}

/** Holds puts back, as a process that was stopped just before them. */
export class HoldingBackend extends ForwardingBackend {
  readonly #holds: Array<{ readonly fits: (key: string) => boolean, readonly arrive: () => void, readonly released: Promise<void> }> = []

  /** Holds the next put of a key that fits. */
  hold (fits: (key: string) => boolean): Hold {
    const { promise: reached, resolve: arrive } = Promise.withResolvers<undefined>()
    const { promise: released, resolve: release } = Promise.withResolvers<undefined>()
    this.#holds.push({ fits, arrive: () => { arrive(undefined) }, released: released.then(() => {}) })
    return { reached: reached.then(() => {}), release: () => { release(undefined) } }
  }

  override async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> {
    const at = this.#holds.findIndex(({ fits }) => fits(key))
    const [hold] = at < 0 ? [] : this.#holds.splice(at, 1)
    hold?.arrive()
    await hold?.released
    return await super.put(key, body, options)
  }
}
