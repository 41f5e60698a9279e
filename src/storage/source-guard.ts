import type { Bytes } from '../stream.ts'

/** Passes a stream on, and remembers its failure: so a source that broke is not taken for storage that did. */
export class SourceGuard {
  readonly #source: Bytes
  failure: { readonly reason: unknown } | undefined

  constructor (source: Bytes) {
    this.#source = source
  }

  async * pieces (): AsyncGenerator<Uint8Array> {
    try {
      yield * this.#source
    } catch (reason) {
      this.failure = { reason }
      throw reason
    }
  }
}
