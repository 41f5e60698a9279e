import { free } from '../cas/zstd.ts'
import type { Bytes } from '../stream.ts'

/**
 * The same pieces; the memory of each is given back when the next one is asked for, if it is all of an array: the collector would let some hundred MB of them
 * lie. Only for sources that hand out memory of its own with each such piece, and consumers that copy what they keep.
 */
export async function * giveBack (bytes: Bytes): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    yield piece
    if (piece.length === piece.buffer.byteLength) free(piece)
  }
}
