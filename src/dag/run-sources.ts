import type { CopiedSpan } from '../cas/blob-store.ts'

/** Bytes of a run that were taken from one place. */
interface Piece {
  readonly at: number
  readonly bytes: Uint8Array
  readonly start: number
  end: number
}

/** Where the bytes of a run were taken from. */
export class RunSources {
  readonly #pieces: Piece[] = []
  #length = 0

  append (bytes: Uint8Array, start: number, end: number): void {
    const last = this.#pieces.at(-1)
    if (last?.bytes === bytes && last.end === start) last.end = end
    else this.#pieces.push({ at: this.#length, bytes, start, end })
    this.#length += end - start
  }

  /** What of the run, from one offset to another, was taken from `base`; offsets are counted from the first. */
  copiesOf (base: Uint8Array, from: number, to: number): CopiedSpan[] {
    const copies: CopiedSpan[] = []
    for (const { at, bytes, start, end } of this.#pieces) {
      const [first, last] = [Math.max(at, from), Math.min(at + end - start, to)]
      if (bytes === base && first < last) copies.push({ at: first - from, from: start + first - at, length: last - first })
    }
    return copies
  }
}
