import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Copy } from './copy.ts'
import { packKey } from './layout.ts'
import { free } from './zstd.ts'

/** How much is read at once when reads follow each other. */
const WINDOW_BYTES = 1024 * 1024
/** A read that begins at most so far behind the last one's end follows it. */
const GAP_BYTES = 256 * 1024
/** Runs of blobs that are read side by side, of one pack or several: tables that are restored at the same time, say. */
const RUNS = 8

interface Window {
  readonly pack: string
  readonly start: number
  readonly length: number
  readonly bytes: Promise<Uint8Array | undefined>
  /** How many read in it now. */
  users: number
}

/** Bytes that stay until they are given back. */
export interface LentBytes {
  readonly bytes: Uint8Array
  readonly giveBack: () => void
}

/** Reads stored bytes out of packs. */
export interface StoredBlobs {
  /** The copy's stored bytes, fewer if the pack ends before; undefined if there is no such pack. */
  lend(copy: Copy, options?: AbortOptions): Promise<LentBytes | undefined>
  /** Reads the pack anew next time. */
  forget(pack: string): void
}

/**
 * Blobs are mostly read in the order of their writing; then a window of their pack is read
 * at once and the next blobs are taken from it, which spares an open, or a request, for each.
 */
export class PackWindows implements StoredBlobs {
  readonly #backend: StorageBackend
  /** One a run, the one used last at the end. */
  #windows: readonly Window[] = []

  constructor (backend: StorageBackend) {
    this.#backend = backend
  }

  async lend ({ pack, offset, stored }: Copy, { signal }: AbortOptions = {}): Promise<LentBytes | undefined> {
    signal?.throwIfAborted()
    const ofPack = this.#windows.filter(window => window.pack === pack)
    const known = ofPack.find(window => contains(window, offset, stored))
    const before = known ?? ofPack.find(window => isFollowed(window, offset))
    const window = known ?? this.#open(pack, offset, before === undefined ? stored : Math.max(stored, WINDOW_BYTES))
    window.users++
    this.#keep([...this.#windows.filter(one => one !== before), window].slice(-RUNS))
    const giveBack = (): void => { this.#leave(window) }
    try {
      const bytes = await window.bytes
      if (bytes !== undefined) return { bytes: bytes.subarray(offset - window.start, offset - window.start + stored), giveBack }
    } catch (error) {
      this.forget(pack)
      giveBack()
      throw error
    }
    this.forget(pack)
    giveBack()
    return undefined
  }

  forget (pack: string): void {
    this.#keep(this.#windows.filter(window => window.pack !== pack))
  }

  /** Without a signal: others may wait for the same window. */
  #open (pack: string, start: number, length: number): Window {
    return { pack, start, length, bytes: this.#backend.get(packKey(pack), { offset: start, length }), users: 0 }
  }

  #keep (windows: readonly Window[]): void {
    const dropped = this.#windows.filter(window => !windows.includes(window) && window.users === 0)
    this.#windows = windows
    dropped.forEach(freeWindow)
  }

  #leave (window: Window): void {
    window.users--
    if (window.users === 0 && !this.#windows.includes(window)) freeWindow(window)
  }
}

/** The collector would let some ten windows lie. */
function freeWindow ({ bytes }: Window): void {
  bytes.then(read => { if (read !== undefined) free(read) }, () => undefined)
}

function contains ({ start, length }: Window, offset: number, stored: number): boolean {
  return offset >= start && offset + stored <= start + length
}

/** True of a read that goes on where the window's run is. */
function isFollowed ({ start, length }: Window, offset: number): boolean {
  return offset >= start && offset - (start + length) <= GAP_BYTES
}
