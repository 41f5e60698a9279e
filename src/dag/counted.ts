import type { Bytes } from '../stream.ts'

/** A stream as it is, each piece announced before it is handed on. */
export async function * counted (source: Bytes, onBytes: ((bytes: number) => void) | undefined): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    onBytes?.(piece.length)
    yield piece
  }
}
