import { BackupError } from '../errors.ts'
import { GEAR } from './gear.ts'

/** Sizes of chunks in bytes. */
export interface CutSizes {
  /** No chunk but the last is shorter. */
  readonly min: number
  /** A power of two, between `min` and `max`. */
  readonly average: number
  readonly max: number
}

/** Plain blobs are at most 16 MiB (format.md § Limits). */
const LARGEST = 16 * 1024 * 1024

/** @throws {BackupError} `INVALID_OPTION` */
export function checkCutSizes ({ min, average, max }: CutSizes): void {
  const whole = [min, average, max].every(Number.isSafeInteger)
  const bits = Math.log2(average)
  if (whole && min >= 64 && min < average && average < max && max <= LARGEST && Number.isInteger(bits)) return
  throw new BackupError('INVALID_OPTION', `chunk sizes ${min}, ${average}, ${max} do not fit: 64 ≤ min < average < max ≤ ${LARGEST}, and average a power of two`, { data: { min, average, max } })
}

/** Finds the borders of FastCDC with two masks (normalisation level 2), piece by piece. (format.md § Byte streams) */
export class ByteCutter {
  readonly #sizes: CutSizes
  readonly #strict: number
  readonly #loose: number
  #length = 0
  readonly #state = new Int32Array(1)

  /** @throws {BackupError} `INVALID_OPTION` */
  constructor (sizes: CutSizes) {
    checkCutSizes(sizes)
    const bits = Math.log2(sizes.average)
    this.#sizes = sizes
    this.#strict = -1 << (32 - (bits + 2))
    this.#loose = -1 << (32 - (bits - 2))
  }

  /** Bytes of the current chunk seen so far. */
  get length (): number {
    return this.#length
  }

  /** Begins a new chunk. */
  reset (): void {
    this.#length = 0
    this.#state[0] = 0
  }

  /**
   * Goes on with `piece[start, end)`. Returns the offset after the byte where the chunk ends and begins a new one,
   * or -1 when all of it belongs to the current chunk.
   */
  next (piece: Uint8Array, start = 0, end = piece.length): number {
    const { min, average, max } = this.#sizes
    const base = start - this.#length // offset at which the chunk would begin in this piece
    const first = Math.max(start, base + min)
    const turn = Math.min(end, base + average)
    const stop = Math.min(end, base + max)
    let border = scan(piece, first, turn, this.#strict, this.#state)
    if (border < 0) border = scan(piece, Math.max(first, turn), stop, this.#loose, this.#state)
    if (border >= 0) return this.#border(border)
    if (stop === base + max) return this.#border(stop)
    this.#length += end - start
    return -1
  }

  #border (offset: number): number {
    this.reset()
    return offset
  }
}

/**
 * The offset after the first byte in `piece[start, end)` where the state has no bit of `mask`, or -1.
 * Unrolled, and a function of its own that is too long to be inlined: V8 then keeps its fully optimised code (three times as fast).
 */
function scan (piece: Uint8Array, start: number, end: number, mask: number, saved: Int32Array): number {
  const gear = GEAR
  let state = saved[0]!
  let at = start
  for (const stop = end - 7; at < stop; at += 8) {
    state = (state << 1) + gear[piece[at]!]! | 0
    if ((state & mask) === 0) return at + 1
    state = (state << 1) + gear[piece[at + 1]!]! | 0
    if ((state & mask) === 0) return at + 2
    state = (state << 1) + gear[piece[at + 2]!]! | 0
    if ((state & mask) === 0) return at + 3
    state = (state << 1) + gear[piece[at + 3]!]! | 0
    if ((state & mask) === 0) return at + 4
    state = (state << 1) + gear[piece[at + 4]!]! | 0
    if ((state & mask) === 0) return at + 5
    state = (state << 1) + gear[piece[at + 5]!]! | 0
    if ((state & mask) === 0) return at + 6
    state = (state << 1) + gear[piece[at + 6]!]! | 0
    if ((state & mask) === 0) return at + 7
    state = (state << 1) + gear[piece[at + 7]!]! | 0
    if ((state & mask) === 0) return at + 8
  }
  for (; at < end; at++) {
    state = (state << 1) + gear[piece[at]!]! | 0
    if ((state & mask) === 0) return at + 1
  }
  saved[0] = state
  return -1
}
