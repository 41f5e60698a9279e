import type { PackedBlob } from './blob-list.ts'
import { HEAD_BYTES, PACK_TARGET_BYTES, encodeFooter, encodeFooterLength, encodeHead, encodeSeal, packHash } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'

export interface FinishedPack {
  readonly listing: PackListing
  /** Lies in the writer's memory. */
  readonly body: Uint8Array
  /** All of that memory, for the next writer. */
  readonly memory: Buffer
}

/** Room for a full pack, its last blob and its footer as they usually are; it grows when they are larger. */
const ROOM_BYTES = PACK_TARGET_BYTES + 2 * 1024 * 1024

/**
 * Builds one pack in one piece of memory: thousands of small buffers that live as long as a pack would leave the heap in pieces.
 * Memory that was never written to takes no room.
 */
export class PackWriter {
  readonly name: string
  readonly #blobs: PackedBlob[] = []
  readonly #hash = packHash()
  #memory: Buffer
  #length = 0

  /** @param memory of a pack that is stored by now. @default new memory */
  constructor (name: string, memory: Buffer = Buffer.allocUnsafeSlow(ROOM_BYTES)) {
    this.name = name
    this.#memory = memory
    this.#add(encodeHead(name))
  }

  /** True once the pack should be finished. */
  get isFull (): boolean {
    return this.#length - HEAD_BYTES >= PACK_TARGET_BYTES
  }

  /** Appends a copy of a blob's stored bytes. @returns its offset in the pack */
  append (blob: PackedBlob, stored: Uint8Array): number {
    const offset = this.#length
    this.#blobs.push(blob)
    this.#add(stored)
    return offset
  }

  /** A copy of the stored bytes of the blob at `offset`. */
  storedAt (offset: number, length: number): Uint8Array {
    return Buffer.from(this.#memory.subarray(offset, offset + length))
  }

  /** Closes the pack, which must hold a blob. */
  finish (): FinishedPack {
    const footer = encodeFooter(this.#blobs)
    this.#add(footer)
    this.#add(encodeFooterLength(footer.length))
    this.#copy(encodeSeal(this.#hash.digest()))
    const body = this.#memory.subarray(0, this.#length)
    return { listing: { name: this.name, sizeBytes: body.length, blobs: this.#blobs }, body, memory: this.#memory }
  }

  #add (bytes: Uint8Array): void {
    this.#hash.update(bytes)
    this.#copy(bytes)
  }

  #copy (bytes: Uint8Array): void {
    const end = this.#length + bytes.length
    if (end > this.#memory.length) this.#grow(end)
    this.#memory.set(bytes, this.#length)
    this.#length = end
  }

  #grow (atLeast: number): void {
    const memory = Buffer.allocUnsafeSlow(Math.max(atLeast, 2 * this.#memory.length))
    memory.set(this.#memory.subarray(0, this.#length))
    this.#memory = memory
  }
}
