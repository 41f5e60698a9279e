import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { FoundEntry } from './folder-walk.ts'
import { changed, sourceError } from './source-error.ts'

const PIECE_BYTES = 256 * 1024

/** Not through a symlink that took the file's place, and not waiting for a writer of a FIFO that did. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Kernels keep time in ticks of up to 10 ms: of two changes in one tick the second would not show. */
const TICK_MS = 10

/** The files of one folder that are being read, so that all of them can be closed from outside. */
export class OpenFiles {
  readonly #root: string
  readonly #handles = new Map<FileHandle, Promise<unknown>>()
  #closed = false

  constructor (root: string) {
    this.#root = root
  }

  /**
   * The bytes of a file that was found before.
   * @throws {BackupError} `SOURCE_CHANGED` when it is no longer the one that was found, or changes while it is read; `SOURCE_DENIED`
   */
  async * read ({ path, stats }: FoundEntry, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted()
    const handle = await this.#open(path)
    try {
      await this.#use(handle, path, async () => { await settled(stats) })
      await this.#compare(handle, path, stats)
      const length = Number(stats.size)
      const buffer = Buffer.allocUnsafe(Math.min(length, PIECE_BYTES))
      for (let offset = 0; offset < length;) {
        signal?.throwIfAborted()
        const { bytesRead } = await this.#use(handle, path, async () => await handle.read(buffer, 0, Math.min(buffer.length, length - offset), offset))
        if (bytesRead === 0) throw changed(path, `became shorter than ${length} bytes`)
        yield buffer.subarray(0, bytesRead)
        offset += bytesRead
      }
      await this.#compare(handle, path, stats)
    } finally {
      this.#handles.delete(handle)
      await handle.close()
    }
  }

  /** Closes what is open; a reading in the middle then ends with `CANCELLED`. Safe to call twice. */
  async close (): Promise<void> {
    this.#closed = true
    const open = [...this.#handles]
    this.#handles.clear()
    await Promise.all(open.map(async ([handle, use]) => {
      await use.catch(() => undefined) // the reading reports it
      await handle.close()
    }))
  }

  async #open (path: string): Promise<FileHandle> {
    this.#refuseClosed(path)
    try {
      const handle = await open(join(this.#root, path), FLAGS)
      this.#handles.set(handle, Promise.resolve())
      return handle
    } catch (error) {
      throw sourceError(error, path)
    }
  }

  /** A descriptor must not be closed while the system reads from it: its number could be another file's by then. */
  async #use<T> (handle: FileHandle, path: string, act: () => Promise<T>): Promise<T> {
    this.#refuseClosed(path)
    const use = act()
    this.#handles.set(handle, use)
    try {
      return await use
    } catch (error) {
      throw sourceError(error, path)
    }
  }

  async #compare (handle: FileHandle, path: string, expected: BigIntStats): Promise<void> {
    const now = await this.#use(handle, path, async () => await handle.stat({ bigint: true }))
    if (!isSameState(expected, now)) throw changed(path, 'changed')
  }

  #refuseClosed (path: string): void {
    if (this.#closed) throw new BackupError('CANCELLED', `the folder was closed before ${JSON.stringify(path)} was read`, { data: { path } })
  }
}

async function settled ({ ctimeMs }: BigIntStats): Promise<void> {
  if (Math.abs(Date.now() - Number(ctimeMs)) <= TICK_MS) await setTimeout(TICK_MS)
}

function isSameState (one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev && one.size === other.size && one.mtimeNs === other.mtimeNs && one.ctimeNs === other.ctimeNs
}
