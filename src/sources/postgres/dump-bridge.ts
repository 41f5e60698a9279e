/** What the dump's thread is started with. */
export interface BridgeWorkerData {
  readonly memory: SharedArrayBuffer
  readonly args: readonly string[]
}

/** From the dump's thread to the main thread. */
export type BridgeMessage =
  | { readonly type: 'send', readonly bytes: Uint8Array, readonly awaitsAnswer: boolean }
  | { readonly type: 'more' }
  | { readonly type: 'done', readonly sql: string }
  | { readonly type: 'failed', readonly message: string }

const CONTROL_BYTES = 8
const PIECE_BYTES = 1_048_576
const EMPTY = 0
const FULL = 1
const FULL_AND_LAST = 2

/**
 * One piece of an answer at a time, from the main thread (`offer`) to the dump's thread (`take`), which sleeps meanwhile.
 *
 *     i32  state: empty, full, or full with the answer's last piece
 *     i32  length of the piece
 *          the piece
 */
export class BridgeMemory {
  readonly #control: Int32Array
  readonly #piece: Uint8Array

  constructor (memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, 2)
    this.#piece = new Uint8Array(memory, CONTROL_BYTES)
  }

  static allocate (): SharedArrayBuffer {
    return new SharedArrayBuffer(CONTROL_BYTES + PIECE_BYTES)
  }

  get pieceBytes (): number {
    return this.#piece.length
  }

  /** Only while the other side waits for a piece. `bytes` must fit. */
  offer (bytes: Uint8Array, { last }: { readonly last: boolean }): void {
    this.#piece.set(bytes)
    Atomics.store(this.#control, 1, bytes.length)
    Atomics.store(this.#control, 0, last ? FULL_AND_LAST : FULL)
    Atomics.notify(this.#control, 0)
  }

  /** Blocks the thread until there is a piece. */
  take (): { readonly bytes: Uint8Array, readonly last: boolean } {
    Atomics.wait(this.#control, 0, EMPTY)
    const last = Atomics.load(this.#control, 0) === FULL_AND_LAST
    const bytes = this.#piece.slice(0, Atomics.load(this.#control, 1))
    Atomics.store(this.#control, 0, EMPTY)
    return { bytes, last }
  }
}
