import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { BackupError, systemCode } from '../errors.ts'
import type { Bytes } from '../stream.ts'
import type { ReadEntryOptions } from './entry-store.ts'

const PIECE_BYTES = 262_144

/** Stored bytes that can be read from anywhere. */
export interface StoredFile {
  /** What it is called in messages. */
  readonly name: string
  readonly sizeBytes: number
  /** Each piece is in memory of its own. */
  read(options: ReadEntryOptions): Bytes
  /** Safe to call twice. Absent when there is nothing to close. */
  close?(): Promise<void>
}

/** Stored bytes that are in memory. */
export function storedBytes (name: string, bytes: Uint8Array): StoredFile {
  return {
    name,
    sizeBytes: bytes.length,
    async * read ({ offset = 0, length = Infinity }) {
      yield bytes.subarray(offset, offset + length)
    },
  }
}

/** A file on a disk. Close it. */
export class DiskFile implements StoredFile {
  readonly #handle: FileHandle
  /** Its path. */
  readonly name: string
  readonly sizeBytes: number

  private constructor (name: string, handle: FileHandle, sizeBytes: number) {
    this.name = name
    this.#handle = handle
    this.sizeBytes = sizeBytes
  }

  /** @throws {BackupError} `INVALID_OPTION` when there is no such file, `STORAGE_DENIED`, `STORAGE_IO` */
  static async open (path: string): Promise<DiskFile> {
    let handle: FileHandle | undefined
    try {
      handle = await open(path)
      const status = await handle.stat()
      if (!status.isFile()) throw new BackupError('INVALID_OPTION', `${path} is not a file`, { data: { path } })
      return new DiskFile(path, handle, status.size)
    } catch (error) {
      await handle?.close()
      throw openError(path, error)
    }
  }

  async * read ({ offset = 0, length = Infinity, signal }: ReadEntryOptions): AsyncGenerator<Uint8Array> {
    const end = Math.min(offset + length, this.sizeBytes)
    for (let position = offset; position < end;) {
      signal?.throwIfAborted()
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - position))
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, position)
      if (bytesRead === 0) return
      position += bytesRead
      yield piece.subarray(0, bytesRead)
    }
  }

  async close (): Promise<void> {
    await this.#handle.close()
  }
}

function openError (path: string, cause: unknown): unknown {
  if (cause instanceof BackupError) return cause
  const code = systemCode(cause)
  if (code === 'ENOENT' || code === 'ENOTDIR') return new BackupError('INVALID_OPTION', `there is no file ${path}`, { data: { path }, cause })
  if (code === 'EACCES' || code === 'EPERM') return new BackupError('STORAGE_DENIED', `${path} may not be read by this user`, { data: { path }, cause })
  return new BackupError('STORAGE_IO', `cannot open ${path}`, { data: { path }, cause })
}
