import type { Bytes } from '../stream.ts'
import { ByteBuffer } from './byte-buffer.ts'
import type { CutSizes } from './byte-cutter.ts'
import { ByteCutter, checkCutSizes } from './byte-cutter.ts'

/** Cuts a byte stream into chunks, each in memory of its own; their concatenation equals the input. */
export type Chunker = (source: Bytes) => AsyncIterable<Uint8Array>

/** The sizes of a repository that was not told otherwise. */
export const DEFAULT_CUT_SIZES: CutSizes = { min: 65_536, average: 262_144, max: 1_048_576 }

/**
 * A chunker whose borders depend on the bytes alone: an insertion moves only the borders near it.
 * @throws {BackupError} `INVALID_OPTION`
 */
export function byteChunker (sizes: CutSizes = DEFAULT_CUT_SIZES): Chunker {
  checkCutSizes(sizes)
  return async function * cut (source) {
    const cutter = new ByteCutter(sizes)
    const held = new ByteBuffer(0)
    for await (const piece of source) {
      let start = 0
      for (let end = cutter.next(piece); end >= 0; end = cutter.next(piece, start)) {
        yield held.take(piece, start, end)
        start = end
      }
      held.append(piece, start)
    }
    if (held.length > 0) yield held.bytes
  }
}
