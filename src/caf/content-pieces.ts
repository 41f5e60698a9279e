import type { Bytes } from '../stream.ts'
import { WINDOW_BYTES } from './deflater.ts'

const PIECE_BYTES = 524_288

/** A part of a content in memory of its own. */
export interface ContentPiece {
  readonly bytes: Uint8Array
  /** The end of what came before. */
  readonly window: Uint8Array
  readonly isLast: boolean
  /** Gives the memory back for a later piece. */
  readonly release: () => void
}

/** Cuts contents into pieces of one length; their memory is used again and again. */
export class PieceCutter {
  readonly #free: Buffer[] = []

  /** The pieces of a content; at least one, of which only the last may be shorter, and empty. */
  async * cut (content: Bytes): AsyncGenerator<ContentPiece> {
    let memory = this.#take()
    let [start, end] = [WINDOW_BYTES, WINDOW_BYTES] // where window and piece end
    const piece = (isLast: boolean): ContentPiece => {
      const own = memory
      return { bytes: own.subarray(WINDOW_BYTES, end), window: own.subarray(start, WINDOW_BYTES), isLast, release: () => { this.#free.push(own) } }
    }
    for await (const bytes of content) {
      for (let taken = 0; taken < bytes.length;) {
        if (end === memory.length) {
          const next = this.#take()
          memory.copy(next, 0, memory.length - WINDOW_BYTES)
          yield piece(false)
          memory = next
          ;[start, end] = [0, WINDOW_BYTES]
        }
        const part = bytes.subarray(taken, taken + memory.length - end)
        memory.set(part, end)
        taken += part.length
        end += part.length
      }
    }
    yield piece(true)
  }

  #take (): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(WINDOW_BYTES + PIECE_BYTES)
  }
}
