import { free } from '../cas/zstd.ts'

/** Bytes that several read at the same time; their memory is given back when the last one is done and no more will come. */
export class BorrowedBytes {
  readonly #readers = new Map<Uint8Array, number>()
  readonly #spent = new Set<Uint8Array>()

  /** Runs `use`, until whose end the bytes stay. */
  async during<T> (bytes: Uint8Array | undefined, use: () => Promise<T>): Promise<T> {
    if (bytes === undefined) return await use()
    this.#count(bytes, 1)
    try {
      return await use()
    } finally {
      this.#count(bytes, -1)
    }
  }

  /** Says that nobody begins to read them any more. */
  spent (bytes: Uint8Array): void {
    this.#spent.add(bytes)
    this.#count(bytes, 0)
  }

  #count (bytes: Uint8Array, more: number): void {
    const readers = (this.#readers.get(bytes) ?? 0) + more
    if (readers > 0) this.#readers.set(bytes, readers)
    else this.#readers.delete(bytes)
    if (readers === 0 && this.#spent.delete(bytes)) free(bytes)
  }
}
