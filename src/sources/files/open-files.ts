import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { DiskPlace } from './disk-place.ts'
import type { FoundEntry } from './folder-walk.ts'
import { changed, sourceError } from './source-error.ts'

const PIECE_BYTES = 512 * 1024
/** Smaller files are read into memory of their size. */
const OWN_BYTES = 128 * 1024

/** Not through a symlink that took the file's place, and not waiting for a writer of a FIFO that did. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A small file on a local disk is read without a way through the thread pool, which costs five times as much as reading it. */
const SMALL_BYTES = PIECE_BYTES
/** Reading a small file for longer means that a slow disk had to be waited for: so many that follow are read side by side. */
const SLOW_MS = 5
const FILES_AFTER_SLOW = 32

/** Kernels keep time in ticks of up to 10 ms: of two changes in one tick the second would not show. */
const TICK_MS = 10

/** The files of one folder that are being read, so that all of them can be closed from outside. */
export class OpenFiles {
  readonly #root: string
  readonly #handles = new Map<FileHandle, Promise<unknown>>()
  readonly #disk: DiskPlace
  #closed = false
  /** Small files that are still to be read through the thread pool. */
  #waiting = 0
  /** Memory of {@link PIECE_BYTES} that nobody reads into now. */
  readonly #spare: Buffer[] = []

  /** @param disk where the root lies. By default it may be far away. */
  constructor (root: string, disk: DiskPlace = DiskPlace.unknown) {
    this.#root = root
    this.#disk = disk
  }

  /**
   * The bytes of a file that was found before; each piece until the next one is asked for.
   * @throws {BackupError} `SOURCE_CHANGED` when it is no longer the one that was found, or changes while it is read; `SOURCE_DENIED`
   */
  async * read (found: FoundEntry, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted()
    const memory = this.#memoryFor(found)
    try {
      const whole = this.#isNear(found) ? this.#readNow(found, memory) : undefined
      if (whole === undefined) yield * this.#readInPieces(found, memory, signal)
      else if (whole.length > 0) yield whole
    } finally {
      if (memory.length === PIECE_BYTES) this.#spare.push(memory)
    }
  }

  /** Many small files may be read side by side. */
  #memoryFor ({ stats }: FoundEntry): Buffer {
    return stats.size < OWN_BYTES ? Buffer.allocUnsafe(Number(stats.size)) : this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
  }

  /** As {@link read}, at once and in new memory, if that takes no time to speak of. @throws {BackupError} as `read` */
  readNow (found: FoundEntry): Uint8Array | undefined {
    return this.#waiting === 0 && this.#isNear(found) ? this.#readNow(found, Buffer.allocUnsafeSlow(Number(found.stats.size))) : undefined
  }

  async * #readInPieces ({ path, stats }: FoundEntry, memory: Buffer, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const handle = await this.#open(path)
    try {
      await this.#use(handle, path, async () => { await settled(stats) })
      await this.#compare(handle, path, stats)
      const length = Number(stats.size)
      for (let offset = 0; offset < length;) {
        signal?.throwIfAborted()
        const { bytesRead } = await this.#use(handle, path, async () => await handle.read(memory, 0, Math.min(memory.length, length - offset), offset))
        if (bytesRead === 0) throw changed(path, `became shorter than ${length} bytes`)
        yield memory.subarray(0, bytesRead)
        offset += bytesRead
      }
      await this.#compare(handle, path, stats)
    } finally {
      this.#handles.delete(handle)
      await handle.close()
    }
  }

  #isNear ({ stats }: FoundEntry): boolean {
    if (stats.size > SMALL_BYTES || !this.#disk.holds(stats) || !isSettled(stats)) return false
    if (this.#waiting === 0) return true
    this.#waiting--
    return false
  }

  /** All of a small file, with the looks before and after that every file gets. */
  #readNow ({ path, stats }: FoundEntry, memory: Buffer): Uint8Array {
    this.#refuseClosed(path)
    const start = performance.now()
    try {
      const file = openSync(`${this.#root}/${path}`, FLAGS)
      try {
        return readWhole(file, { path, stats }, memory)
      } finally {
        closeSync(file)
      }
    } catch (error) {
      throw sourceError(error, path)
    } finally {
      if (performance.now() - start > SLOW_MS) this.#waiting = FILES_AFTER_SLOW
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
    compare(await this.#use(handle, path, async () => await handle.stat({ bigint: true })), path, expected)
  }

  #refuseClosed (path: string): void {
    if (this.#closed) throw new BackupError('CANCELLED', `the folder was closed before ${JSON.stringify(path)} was read`, { data: { path } })
  }
}

function readWhole (file: number, { path, stats }: FoundEntry, memory: Buffer): Uint8Array {
  compare(fstatSync(file, { bigint: true }), path, stats)
  const bytes = memory.subarray(0, Number(stats.size))
  for (let offset = 0; offset < bytes.length;) {
    const length = readSync(file, bytes, offset, bytes.length - offset, offset)
    if (length === 0) throw changed(path, `became shorter than ${bytes.length} bytes`)
    offset += length
  }
  compare(fstatSync(file, { bigint: true }), path, stats)
  return bytes
}

async function settled (stats: BigIntStats): Promise<void> {
  if (!isSettled(stats)) await setTimeout(TICK_MS)
}

function isSettled ({ ctimeMs }: BigIntStats): boolean {
  return Math.abs(Date.now() - Number(ctimeMs)) > TICK_MS
}

function compare (now: BigIntStats, path: string, expected: BigIntStats): void {
  if (!isSameState(expected, now)) throw changed(path, 'changed')
}

function isSameState (one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev && one.size === other.size && one.mtimeNs === other.mtimeNs && one.ctimeNs === other.ctimeNs
}
