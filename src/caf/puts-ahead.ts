import type { BlobWriter, PutBlobOptions } from '../cas/blob-store.ts'
import { free } from '../cas/zstd.ts'

const AHEAD = 8

/** Puts that run side by side, so that blobs are compressed on several threads. What one of them throws comes from a later call; end with {@link settle}. */
export class PutsAhead {
  readonly #blobs: Pick<BlobWriter, 'put'>
  readonly #running: Promise<void>[] = []

  constructor (blobs: Pick<BlobWriter, 'put'>) {
    this.#blobs = blobs
  }

  /** Takes `bytes` over: their memory is given back when they have been put. */
  async put (bytes: Uint8Array, options: PutBlobOptions = {}): Promise<void> {
    if (this.#running.length >= AHEAD) await this.#running.shift()
    const putting = this.#blobs.put(bytes, options).then(() => { free(bytes) })
    putting.catch(() => undefined) // it is awaited later, perhaps only after another failure
    this.#running.push(putting)
  }

  /** Resolves when all have been put. */
  async settle (): Promise<void> {
    await Promise.all(this.#running)
    this.#running.length = 0
  }

  /** As {@link settle}, but after a failure: throws nothing. */
  async abandon (): Promise<void> {
    await Promise.allSettled(this.#running)
  }
}
