import type { Address } from './blob-store.ts'

/** What keeping one takes beside its bytes, about: an array on the heap, its memory's header, an entry and a string. */
const ENTRY_BYTES = 512

/** Keeps the plain bytes of blobs read lately, up to a number of bytes; the longest unused go first. */
export class ReadCache {
  readonly #limitBytes: number
  readonly #blobs = new Map<Address, Uint8Array>() // A Map keeps the order of insertion: oldest first.
  #bytes = 0

  constructor (limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** A copy of its own for the caller, who may change it. */
  get (address: Address): Uint8Array | undefined {
    const bytes = this.look(address)
    return bytes === undefined ? undefined : Buffer.from(bytes)
  }

  /** The cache's own memory, only to be looked at. */
  look (address: Address): Uint8Array | undefined {
    const bytes = this.#blobs.get(address)
    if (bytes === undefined) return undefined
    this.#blobs.delete(address)
    this.#blobs.set(address, bytes)
    return bytes
  }

  /** Keeps a copy. One that would push out more than a quarter of the cache is not kept. */
  set (address: Address, bytes: Uint8Array): void {
    if (this.#takes(address, bytes)) this.#keep(address, new Uint8Array(bytes))
  }

  /** As {@link set}, but keeps the very bytes, if their memory is their own: nobody may change them from now on. */
  adopt (address: Address, bytes: Uint8Array): void {
    if (this.#takes(address, bytes)) this.#keep(address, isPiece(bytes) ? new Uint8Array(bytes) : bytes)
  }

  #keep (address: Address, bytes: Uint8Array): void {
    this.#blobs.set(address, bytes)
    this.#bytes += bytes.length + ENTRY_BYTES
    for (const [oldest, { length }] of this.#blobs) {
      if (this.#bytes <= this.#limitBytes) return
      this.#blobs.delete(oldest)
      this.#bytes -= length + ENTRY_BYTES
    }
  }

  #takes (address: Address, { length }: Uint8Array): boolean {
    return length <= this.#limitBytes / 4 && !this.#blobs.has(address)
  }
}

/** True if it would keep alive what is more than itself, such as Node's pool for small buffers, of which a piece of 1 KB holds 64. */
function isPiece (bytes: Uint8Array): boolean {
  return bytes.buffer.byteLength > 2 * bytes.length
}
