import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Copy } from './copy.ts'
import { packKey } from './layout.ts'

/** How much is read at once when reads follow each other. */
const WINDOW_BYTES = 1024 * 1024
/** A read that begins at most so far behind the last one's end follows it. */
const GAP_BYTES = 256 * 1024
/** Packs that are read side by side. */
const PACKS = 8

interface Window {
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
  /** By pack; the one used last at the end. */
  readonly #windows = new Map<string, Window>()

  constructor (backend: StorageBackend) {
    this.#backend = backend
  }

  async read ({ pack, offset, stored }: Copy, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted()
    const known = this.#windows.get(pack)
    const window = known !== undefined && contains(known, offset, stored) ? known : this.#open(pack, offset, stored, known)
    this.#windows.delete(pack)
    this.#windows.set(pack, window)
    if (this.#windows.size > PACKS) this.#windows.delete(this.#windows.keys().next().value!)
    const bytes = await window.bytes.catch((error: unknown) => {
      this.forget(pack)
      throw error
    })
    if (bytes !== undefined) return bytes.subarray(offset - window.start, offset - window.start + stored)
    this.forget(pack)
    return undefined
  }

  forget (pack: string): void {
    this.#windows.delete(pack)
  }

  /** Without a signal: others may wait for the same window. */
  #open (pack: string, start: number, stored: number, last: Window | undefined): Window {
    const gap = last === undefined ? -1 : start - (last.start + last.length)
    const follows = last !== undefined && start >= last.start && gap <= GAP_BYTES
    const length = follows ? Math.max(stored, WINDOW_BYTES) : stored
    return { start, length, bytes: this.#backend.get(packKey(pack), { offset: start, length }) }
  }
}

function contains ({ start, length }: Window, offset: number, stored: number): boolean {
  return offset >= start && offset + stored <= start + length
}
