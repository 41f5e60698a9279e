import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Copy } from './copy.ts'
import { packKey } from './layout.ts'

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
}

/** Reads stored bytes out of packs. */
export interface StoredBlobs {
  /** The copy's stored bytes, which may be part of a larger piece of memory, fewer if the pack ends before; undefined if there is no such pack. */
  read(copy: Copy, options?: AbortOptions): Promise<Uint8Array | undefined>
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

  async read ({ pack, offset, stored }: Copy, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted()
    const ofPack = this.#windows.filter(window => window.pack === pack)
    const known = ofPack.find(window => contains(window, offset, stored))
    const before = known ?? ofPack.find(window => isFollowed(window, offset))
    const window = known ?? this.#open(pack, offset, before === undefined ? stored : Math.max(stored, WINDOW_BYTES))
    this.#windows = [...this.#windows.filter(one => one !== before), window].slice(-RUNS)
    const bytes = await window.bytes.catch((error: unknown) => {
      this.forget(pack)
      throw error
    })
    if (bytes !== undefined) return bytes.subarray(offset - window.start, offset - window.start + stored)
    this.forget(pack)
    return undefined
  }

  forget (pack: string): void {
    this.#windows = this.#windows.filter(window => window.pack !== pack)
  }

  /** Without a signal: others may wait for the same window. */
  #open (pack: string, start: number, length: number): Window {
    return { pack, start, length, bytes: this.#backend.get(packKey(pack), { offset: start, length }) }
  }
}

function contains ({ start, length }: Window, offset: number, stored: number): boolean {
  return offset >= start && offset + stored <= start + length
}

/** True of a read that goes on where the window's run is. */
function isFollowed ({ start, length }: Window, offset: number): boolean {
  return offset >= start && offset - (start + length) <= GAP_BYTES
}
