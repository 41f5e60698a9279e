import type { FileHandle } from 'node:fs/promises'

const BLOCK_BYTES = 4096
/** Shorter runs of zeros are written: a hole costs the file system an extent. In bytes. */
export const HOLE_BYTES = 64 * 1024
const ZEROS = Buffer.alloc(HOLE_BYTES)

/** Writes a file from its start; long runs of zeros become holes. */
export class SparseWriter {
  readonly #handle: FileHandle
  /** Bytes taken so far. */
  #length = 0
  /** Zeros at the end of them that are not written yet. */
  #held = 0

  constructor (handle: FileHandle) {
    this.#handle = handle
  }

  async write (piece: Uint8Array): Promise<void> {
    let dataStart = 0
    for (let start = 0, end; start < piece.length; start = end) {
      end = Math.min(piece.length, start + BLOCK_BYTES - this.#length % BLOCK_BYTES)
      if (piece[start] === 0 && isZero(piece.subarray(start, end))) {
        await this.#writeAt(piece.subarray(dataStart, start), this.#length)
        dataStart = end
        this.#held += end - start
      } else if (this.#held > 0) {
        await this.#release()
      }
      this.#length += end - start
    }
    await this.#writeAt(piece.subarray(dataStart), this.#length)
  }

  /** Gives the file its length. Returns it. */
  async end (): Promise<number> {
    if (this.#held > 0) await this.#handle.truncate(this.#length)
    return this.#length
  }

  async #release (): Promise<void> {
    const held = this.#held
    this.#held = 0
    if (held < HOLE_BYTES) await this.#writeAt(ZEROS.subarray(0, held), this.#length)
  }

  /** Writes bytes that end at `end`. */
  async #writeAt (bytes: Uint8Array, end: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, end - bytes.length + done)
      done += bytesWritten
    }
  }
}

function isZero (bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0
}
