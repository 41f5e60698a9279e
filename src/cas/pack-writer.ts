import type { PackedBlob } from './blob-list.ts'
import { HEAD_BYTES, PACK_TARGET_BYTES, encodeFooter, encodeFooterLength, encodeHead, encodeSeal, packHash } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'

export interface FinishedPack {
  readonly listing: PackListing
  readonly body: Uint8Array
}

/** Builds one pack in memory. */
export class PackWriter {
  readonly name: string
  readonly #blobs: PackedBlob[] = []
  readonly #parts: Uint8Array[]
  readonly #hash = packHash()
  readonly #starts = new Map<number, Uint8Array>()
  #length = 0

  constructor (name: string) {
    this.name = name
    this.#parts = []
    this.#add(encodeHead(name))
  }

  /** True once the pack should be finished. */
  get isFull (): boolean {
    return this.#length - HEAD_BYTES >= PACK_TARGET_BYTES
  }

  /** Appends a blob, keeping `stored` itself. @returns its offset in the pack */
  append (blob: PackedBlob, stored: Uint8Array): number {
    const offset = this.#length
    this.#blobs.push(blob)
    if (stored.length > 0) this.#starts.set(offset, stored) // An empty blob shares its offset with the next one.
    this.#add(stored)
    return offset
  }

  /** The stored bytes of the blob at `offset`. */
  storedAt (offset: number, length: number): Uint8Array | undefined {
    return length === 0 ? new Uint8Array() : this.#starts.get(offset)
  }

  /** Closes the pack, which must hold a blob. */
  finish (): FinishedPack {
    const footer = encodeFooter(this.#blobs)
    this.#add(footer)
    this.#add(encodeFooterLength(footer.length))
    this.#parts.push(encodeSeal(this.#hash.digest()))
    const body = Buffer.concat(this.#parts)
    return { listing: { name: this.name, sizeBytes: body.length, blobs: this.#blobs }, body }
  }

  #add (bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#hash.update(bytes)
    this.#length += bytes.length
  }
}
