import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts'
import type { ObjectEntry } from '../../src/storage/storage-backend.ts'
import type { AbortOptions } from '../../src/stream.ts'

/** Lets something happen just before a list is made. */
export class WatchedBackend extends ForwardingBackend {
  readonly #acts = new Map<string, { readonly act: () => Promise<void>, after: number }>()

  /** Acts once, before the next list of what begins with `prefix`, or the one that comes `after` so many. */
  before (prefix: string, act: () => Promise<void>, { after = 0 }: { after?: number } = {}): void {
    this.#acts.set(prefix, { act, after })
  }

  override async * list (prefix: string, options?: AbortOptions): AsyncGenerator<ObjectEntry> {
    const watched = this.#acts.get(prefix)
    if (watched !== undefined && watched.after-- === 0) {
      this.#acts.delete(prefix)
      await watched.act()
    }
    yield * super.list(prefix, options)
  }
}
