import { promisify } from 'node:util'
import { constants, deflateRaw, deflateRawSync } from 'node:zlib'
import type { ZlibOptions } from 'node:zlib'

const deflateAsync = promisify(deflateRaw)
const OUTPUT_BYTES = 262_144

export interface DeflateForm {
  readonly level: number
  /** Whether the stream ends with these bytes. */
  readonly isLast: boolean
}

/**
 * A run of whole blocks of a deflate stream: those of one piece after another are the stream of them all. `window` is what came before the piece, as far
 * as deflate refers back. Equal arguments give equal bytes.
 */
export function deflateSync (piece: Uint8Array, window: Uint8Array, form: DeflateForm): Uint8Array {
  return deflateRawSync(piece, optionsFor(piece, window, form))
}

/** As {@link deflateSync}, on the thread pool that files are read by. */
export async function deflate (piece: Uint8Array, window: Uint8Array, form: DeflateForm): Promise<Uint8Array> {
  return await deflateAsync(piece, optionsFor(piece, window, form))
}

function optionsFor (piece: Uint8Array, window: Uint8Array, { level, isLast }: DeflateForm): ZlibOptions {
  return {
    level,
    finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    chunkSize: Math.max(64, Math.min(OUTPUT_BYTES, piece.length)),
    ...(window.length > 0 ? { dictionary: window } : {}),
  }
}
