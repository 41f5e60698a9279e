import { RandomAccessReader } from 'yauzl'
import type { AbortOptions } from '../stream.ts'
import type { StoredFile } from './stored-file.ts'

const WINDOW_BYTES = 262_144

interface Window {
  readonly bytes: Uint8Array
  readonly start: number
}

/** Small parts of a file, mostly one behind the other, as yauzl asks for a ZIP's directory and its headers: reads ahead. Closing the file is its owner's affair. */
export class FileSlices extends RandomAccessReader {
  readonly #file: StoredFile
  #window: Window = { bytes: Buffer.alloc(0), start: 0 }

  constructor (file: StoredFile) {
    super()
    this.#file = file
  }

  /** The bytes from `position` on, fewer at the end of the file; to be read only. */
  async take (position: number, length: number, options: AbortOptions = {}): Promise<Uint8Array> {
    const { bytes, start } = this.#holds(position, length) ? this.#window : await this.#load(position, length, options)
    return bytes.subarray(position - start, position - start + length)
  }

  override read (buffer: Buffer, offset: number, length: number, position: number, callback: (error: Error | null, bytesRead?: number) => void): void {
    this.take(position, length)
      .then(found => {
        buffer.set(found, offset)
        callback(null, found.length)
      })
      .catch((error: unknown) => { callback(error as Error) })
  }

  #holds (position: number, length: number): boolean {
    const { bytes, start } = this.#window
    return position >= start && position + length <= start + bytes.length
  }

  async #load (position: number, length: number, { signal }: AbortOptions): Promise<Window> {
    const pieces = await Array.fromAsync(this.#file.read({ offset: position, length: Math.max(WINDOW_BYTES, length), signal }))
    this.#window = { bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces), start: position }
    return this.#window
  }
}
