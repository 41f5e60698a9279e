import { isBackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Copy } from './copy.ts'
import { packKey } from './layout.ts'
import type { LentBytes, StoredBlobs } from './pack-windows.ts'
import { free } from './zstd.ts'

/** How much is read at once of a pack that is read often. */
const WINDOW_BYTES = 1024 * 1024
/** So many windows are kept: two packs of the usual size. */
const WINDOWS = 36
/** From the read of this number on a pack counts as read often. */
const OFTEN = 8
/** Packs of which the reads are counted. */
const PACKS = 64

/** A window that was asked for less often than this before it had to go was not worth its reading. */
const WORTH = 4
/** So many reads of a pack are then done alone. */
const PAUSE = 64

interface Window {
  readonly pack: string
  readonly bytes: Promise<Uint8Array | undefined>
  uses: number
  /** How many read in it now. */
  users: number
  isDropped: boolean
}

/**
 * Reads blobs that stand in no order in their packs. What belongs together is still in the same pack, so that one of which some
 * blobs were read is mostly read whole: then in windows that stay in memory. Single blobs are read alone.
 */
export class ScatteredWindows implements StoredBlobs {
  readonly #backend: StorageBackend
  /** By pack and number; the one used last at the end, as in {@link #reads}. */
  readonly #windows = new Map<string, Window>()
  readonly #reads = new Map<string, number>()

  constructor (backend: StorageBackend) {
    this.#backend = backend
  }

  async lend (copy: Copy, { signal }: AbortOptions = {}): Promise<LentBytes | undefined> {
    signal?.throwIfAborted()
    const bytes = await this.#read(copy, { signal })
    return bytes === undefined ? undefined : { bytes, giveBack: () => { free(bytes) } } // it is memory of its own
  }

  async #read ({ pack, offset, stored }: Copy, { signal }: AbortOptions): Promise<Uint8Array | undefined> {
    const reads = (this.#reads.get(pack) ?? 0) + 1
    this.#reads.delete(pack)
    this.#reads.set(pack, reads)
    if (this.#reads.size > PACKS) this.#reads.delete(oldest(this.#reads))
    if (reads < OFTEN || stored > WINDOW_BYTES) return await this.#alone(pack, offset, stored, { signal })
    try {
      return await this.#fromWindows(pack, offset, stored)
    } catch (error) {
      if (!isBackupError(error, 'SEAL_BROKEN')) throw error
      return await this.#alone(pack, offset, stored, { signal }) // What is broken may be beside it.
    }
  }

  async #alone (pack: string, offset: number, length: number, options: AbortOptions): Promise<Uint8Array | undefined> {
    return await this.#backend.get(packKey(pack), { ...options, offset, length })
  }

  async #fromWindows (pack: string, offset: number, stored: number): Promise<Uint8Array | undefined> {
    const bytes = Buffer.allocUnsafe(stored)
    let filled = 0
    while (filled < stored) {
      const at = offset + filled
      const window = this.#window(pack, Math.floor(at / WINDOW_BYTES))
      try {
        const part = (await this.#bytesOf(window))?.subarray(at % WINDOW_BYTES, (at % WINDOW_BYTES) + stored - filled)
        if (part === undefined) return undefined
        if (part.length === 0) break
        bytes.set(part, filled)
        filled += part.length
      } finally {
        window.users--
        freeUnused(window)
      }
    }
    return bytes.subarray(0, filled)
  }

  forget (pack: string): void {
    this.#reads.delete(pack)
    for (const [key, window] of this.#windows) if (window.pack === pack) this.#drop(key, window)
  }

  /** With one user more. */
  #window (pack: string, number: number): Window {
    const key = `${pack}/${number}`
    const window = this.#windows.get(key) ?? this.#open(pack, number)
    window.uses++
    window.users++
    this.#windows.delete(key)
    this.#windows.set(key, window)
    if (this.#windows.size > WINDOWS) this.#dropOldest()
    return window
  }

  async #bytesOf ({ pack, bytes }: Window): Promise<Uint8Array | undefined> {
    try {
      const read = await bytes
      if (read === undefined) this.forget(pack)
      return read
    } catch (error) {
      this.forget(pack)
      throw error
    }
  }

  /** Without a signal: others may wait for the same window. */
  #open (pack: string, number: number): Window {
    return { pack, bytes: this.#backend.get(packKey(pack), { offset: number * WINDOW_BYTES, length: WINDOW_BYTES }), uses: 0, users: 0, isDropped: false }
  }

  #dropOldest (): void {
    const key = oldest(this.#windows)
    const window = this.#windows.get(key)!
    this.#drop(key, window)
    if (window.uses < WORTH) this.#reads.set(window.pack, OFTEN - PAUSE)
  }

  #drop (key: string, window: Window): void {
    this.#windows.delete(key)
    window.isDropped = true
    freeUnused(window)
  }
}

/** The collector would let some ten windows lie. */
function freeUnused ({ bytes, users, isDropped }: Window): void {
  if (isDropped && users === 0) bytes.then(read => { if (read !== undefined) free(read) }, () => undefined)
}

/** The key that was set first. */
function oldest<K> (map: ReadonlyMap<K, unknown>): K {
  return map.keys().next().value!
}
