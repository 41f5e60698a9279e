import type { EncodedBytes } from './codec-task.ts'
import type { Effort } from './zstd.ts'

/** Hundreds of small blobs make no more messages than one large one. */
const BATCH_BYTES = 256 * 1024

/** A blob that waits to be encoded without a base. */
export interface QueuedBlob {
  readonly bytes: Uint8Array
  readonly effort: Effort
  /** Never throws. */
  readonly take: (encoded: EncodedBytes) => void
  readonly failed: (error: unknown) => void
}

/** Gathers small blobs that come at about the same time, to be encoded together: those of one turn of the event loop, unless they are enough before. */
export class EncodeQueue {
  readonly #encode: (blobs: readonly QueuedBlob[], bytes: number) => void
  #waiting: QueuedBlob[] = []
  #bytes = 0

  constructor (encode: (blobs: readonly QueuedBlob[], bytes: number) => void) {
    this.#encode = encode
  }

  /** What `take` makes of what is to be stored. */
  async add<T> (bytes: Uint8Array, effort: Effort, take: (encoded: EncodedBytes) => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    if (this.#waiting.length === 0) setImmediate(() => { this.#flush() })
    this.#waiting.push({ bytes, effort, failed: reject, take: encoded => { new Promise<T>(settle => { settle(take(encoded)) }).then(resolve, reject) } })
    this.#bytes += bytes.length
    if (this.#bytes >= BATCH_BYTES) this.#flush()
    return await promise
  }

  #flush (): void {
    const blobs = this.#waiting
    const bytes = this.#bytes
    if (blobs.length === 0) return
    this.#waiting = []
    this.#bytes = 0
    this.#encode(blobs, bytes)
  }
}
