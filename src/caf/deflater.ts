import { CodecPool } from '../cas/codec-pool.ts'
import { inPool } from '../cas/codec.ts'
import { deflate } from '../cas/deflate.ts'
import { copyShared } from '../cas/shared-bytes.ts'

/** How far back deflate refers. */
export const WINDOW_BYTES = 32_768
/** COPY text and SQL: 5 % larger than level 3, in two thirds of its time. */
const LEVEL = 1
const SAMPLES = 4
const SAMPLE_BYTES = 1_024
/** Bits a byte that so many random bytes show at least: 7.95 is usual. Text has less than 6, numbers of a matrix about 7. */
const RANDOM_BITS = 7.85
/** Threads are started when so much was deflated without them: each takes 40 ms of a processor and 12 MB. */
const START_BYTES = 8 * 1024 * 1024

export interface DeflatePiece {
  readonly bytes: Uint8Array
  /** The bytes before these in the stream, as far as deflate refers back. */
  readonly window: Uint8Array
  /** Whether the stream ends with these. */
  readonly isLast: boolean
}

/**
 * Deflates the pieces of streams side by side, on threads of its own when there is more than a little: zlib's own way leaves some 700 KB to the collector
 * with each piece. Equal pieces give equal bytes. Close it when done.
 */
export class Deflater {
  #pool: CodecPool | undefined
  #unstarted = START_BYTES

  /** What stands for the piece in the stream. @throws {BackupError} `THREAD_FAILED` */
  async deflate ({ bytes, window, isLast }: DeflatePiece): Promise<Uint8Array> {
    const form = { level: looksRandom(bytes) ? 0 : LEVEL, isLast }
    this.#unstarted -= bytes.length
    if (this.#unstarted < 0) this.#pool ??= new CodecPool()
    if (this.#pool?.ready !== true) return await deflate(bytes, window, form)
    return await inPool(this.#pool, { parts: [bytes, window], task: { task: 'deflate', ...form } }, (answer, memory) => {
      if (answer.type !== 'deflated') throw new TypeError(`${answer.type} is no answer`)
      const deflated = Buffer.allocUnsafeSlow(answer.length)
      copyShared(memory.subarray(0, answer.length), deflated)
      return deflated
    })
  }

  /** Ends the threads. */
  async close (): Promise<void> {
    await this.#pool?.close()
  }
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
