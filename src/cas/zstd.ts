import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { ZstdOptions } from 'node:zlib'

/** How hard to look for what repeats. */
export type Effort = 'less' | 'more'

/**
 * Level 3 takes a third more time for plain chunks of rows, and gains 0.5 % of their size. Level 4 takes 40 % more for text in files, and gains 2 to 5 %; for what cannot be
 * compressed both take next to none.
 */
const FRAMES = { less: { [constants.ZSTD_c_compressionLevel]: 2 }, more: { [constants.ZSTD_c_compressionLevel]: 4 } }
/** For deltas of chunks of 200 KB level 2 is a half faster, and gives nine times as much: its window is too small to find again where both are alike. */
const DELTA = { [constants.ZSTD_c_compressionLevel]: 3 }
/**
 * Nearly all of a delta's time goes into taking in the dictionary: one table in place of two takes 20 to 50 % less, and gives 2 % more of what a day stores. Where
 * both together are longer than `SHORT_BYTES` it finds too little.
 */
const SHORT_DELTA = { ...DELTA, [constants.ZSTD_c_strategy]: constants.ZSTD_fast, [constants.ZSTD_c_hashLog]: 17, [constants.ZSTD_c_minMatch]: 5 }
const SHORT_BYTES = 768 * 1024

export interface CompressOptions extends ZstdDictionary {
  /** Of frames without a dictionary. @default 'less' */
  readonly effort?: Effort | undefined
}

export interface ZstdDictionary {
  /** Bytes that both sides have; matched like text that came before. */
  readonly dictionary?: Uint8Array | undefined
}

/** One frame of `bytes`; to be let go with {@link free}, or left to the collector. */
export function compress (bytes: Uint8Array, { dictionary, effort = 'less' }: CompressOptions = {}): Uint8Array {
  const params = dictionary === undefined ? FRAMES[effort] : bytes.length + dictionary.length <= SHORT_BYTES ? SHORT_DELTA : DELTA
  const options: ZstdOptions = { params, chunkSize: pieceBytes(bytes.length + (bytes.length >> 8) + 512) }
  if (dictionary !== undefined) options.dictionary = dictionary
  return zstdCompressSync(bytes, options)
}

/** The content of a frame; as for {@link compress}. Throws when it is damaged or would give more than `plain` bytes, whatever it claims. */
export function decompress (frame: Uint8Array, plain: number, { dictionary }: ZstdDictionary = {}): Uint8Array {
  const options: ZstdOptions = { maxOutputLength: Math.max(plain, 1), chunkSize: pieceBytes(plain) }
  if (dictionary !== undefined) options.dictionary = dictionary
  return zstdDecompressSync(frame, options)
}

/**
 * Gives memory that nobody else looks at back at once, as that of what `compress` or `decompress` returned: `bytes` is empty then. The collector sees how little
 * such an array takes on the heap, and would let some 60 MB of them lie. What is, or may be, a part of Node's pool for small buffers is left to it.
 */
export function free (bytes: Uint8Array): void {
  const { buffer } = bytes
  const isPool = buffer.byteLength === Buffer.poolSize && bytes.length < buffer.byteLength
  if (buffer instanceof ArrayBuffer && !buffer.detached && !isPool) buffer.transfer(0)
}

/** So that the output comes in one piece; a full one would get an empty one after it. */
function pieceBytes (output: number): number {
  return Math.max(output + 1, 64)
}
