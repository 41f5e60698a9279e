import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { RandomAccessReader } from 'yauzl'
import { BackupError, systemCode } from '../errors.ts'

const WINDOW_BYTES = 262_144
const PIECE_BYTES = 65_536

interface Window {
  readonly bytes: Uint8Array
  readonly start: number
}

/** A file for yauzl, which asks for a ZIP's directory some 50 bytes at a time: reads ahead, and leaves closing to {@link FileSlices.end}. */
export class FileSlices extends RandomAccessReader {
  readonly #handle: FileHandle
  #window: Window = { bytes: Buffer.alloc(0), start: 0 }
  readonly sizeBytes: number

  private constructor (handle: FileHandle, sizeBytes: number) {
    super()
    this.#handle = handle
    this.sizeBytes = sizeBytes
  }

  /** @throws {BackupError} `INVALID_OPTION` when there is no such file, `STORAGE_DENIED`, `STORAGE_IO` */
  static async open (path: string): Promise<FileSlices> {
    let handle: FileHandle | undefined
    try {
      handle = await open(path)
      const status = await handle.stat()
      if (!status.isFile()) throw new BackupError('INVALID_OPTION', `${path} is not a file`, { data: { path } })
      return new FileSlices(handle, status.size)
    } catch (error) {
      await handle?.close()
      throw openError(path, error)
    }
  }

  override read (buffer: Buffer, offset: number, length: number, position: number, callback: (error: Error | null, bytesRead?: number) => void): void {
    this.#copy(buffer, offset, length, position)
      .then(bytesRead => callback(null, bytesRead))
      .catch((error: unknown) => callback(error as Error))
  }

  override _readStreamForRange (start: number, end: number): Readable {
    // Not a stream of the handle: destroying that closes the file.
    return Readable.from(this.#pieces(start, end), { objectMode: false })
  }

  /** Closes the file. Safe to call twice. */
  async end (): Promise<void> {
    await this.#handle.close()
  }

  async * #pieces (start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let position = start; position < end;) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - position))
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, position)
      if (bytesRead === 0) return
      position += bytesRead
      yield piece.subarray(0, bytesRead)
    }
  }

  async #copy (buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    const { bytes, start } = this.#holds(position, length) ? this.#window : await this.#load(position, length)
    const found = bytes.subarray(position - start, position - start + length)
    buffer.set(found, offset)
    return found.length
  }

  #holds (position: number, length: number): boolean {
    const { bytes, start } = this.#window
    return position >= start && position + length <= start + bytes.length
  }

  async #load (position: number, length: number): Promise<Window> {
    const bytes = Buffer.alloc(Math.max(WINDOW_BYTES, length))
    let loaded = 0
    while (loaded < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, loaded, bytes.length - loaded, position + loaded)
      if (bytesRead === 0) break
      loaded += bytesRead
    }
    this.#window = { bytes: bytes.subarray(0, loaded), start: position }
    return this.#window
  }
}

function openError (path: string, cause: unknown): unknown {
  if (cause instanceof BackupError) return cause
  const code = systemCode(cause)
  if (code === 'ENOENT' || code === 'ENOTDIR') return new BackupError('INVALID_OPTION', `there is no file ${path}`, { data: { path }, cause })
  if (code === 'EACCES' || code === 'EPERM') return new BackupError('STORAGE_DENIED', `${path} may not be read by this user`, { data: { path }, cause })
  return new BackupError('STORAGE_IO', `cannot open ${path}`, { data: { path }, cause })
}
