import { promisify } from 'node:util'
import { constants, deflateRaw } from 'node:zlib'

const deflateAsync = promisify(deflateRaw)

/** How far back deflate refers. */
export const WINDOW_BYTES = 32_768
/** COPY text and SQL: 5 % larger than level 3, in two thirds of its time. */
const LEVEL = 1
const OUTPUT_BYTES = 262_144
const SAMPLES = 4
const SAMPLE_BYTES = 1_024
/** Bits a byte that so many random bytes show at least: 7.95 is usual. Text has less than 6, numbers of a matrix about 7. */
const RANDOM_BITS = 7.85

export interface DeflateOptions {
  /** The bytes before these in the stream, as far as deflate refers back. */
  readonly window: Uint8Array
  /** Whether the stream ends with these. */
  readonly isLast: boolean
}

/**
 * A run of whole blocks of a deflate stream: those of one piece after another are the stream of them all. So the pieces of one stream are deflated at
 * the same time, on the thread pool. Equal arguments give equal bytes.
 */
export async function deflatePiece (piece: Uint8Array, { window, isLast }: DeflateOptions): Promise<Uint8Array> {
  return await deflateAsync(piece, {
    level: looksRandom(piece) ? 0 : LEVEL,
    finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    chunkSize: Math.max(64, Math.min(OUTPUT_BYTES, piece.length)),
    ...(window.length > 0 ? { dictionary: window } : {}),
  })
}

/** True for what is compressed or encrypted already, which takes longest and does not get smaller. */
function looksRandom (bytes: Uint8Array): boolean {
  if (bytes.length < SAMPLES * SAMPLE_BYTES) return false
  const counts = new Uint16Array(256)
  const step = (bytes.length - SAMPLE_BYTES) / (SAMPLES - 1)
  for (let sample = 0; sample < SAMPLES; sample++) {
    const start = Math.floor(sample * step)
    for (let i = start; i < start + SAMPLE_BYTES; i++) counts[bytes[i]!]!++
  }
  return entropy(counts, SAMPLES * SAMPLE_BYTES) > RANDOM_BITS
}

/** Bits a symbol. */
function entropy (counts: Uint16Array, total: number): number {
  let bits = 0
  for (const count of counts) if (count > 0) bits -= count / total * Math.log2(count / total)
  return bits
}
