import type { PackedBlob } from './blob-list.ts'
import { copyAt } from './copy.ts'
import type { Copy } from './copy.ts'
import { HEAD_BYTES, PACK_TARGET_BLOBS, PACK_TARGET_BYTES, encodeFooter, encodeFooterLength, encodeHead, encodeSeal, packHash } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'
import { copyShared } from './shared-bytes.ts'

export interface FinishedPack {
  readonly listing: PackListing
  /** Lies in the writer's memory. */
  readonly body: Uint8Array
  /** All of that memory, for the next writer. */
  readonly memory: Buffer
}

/** A copy that its reader sees move when the pack is shuffled. */
type Moving = { -readonly [member in keyof Copy]: Copy[member] }

/** Room for a full pack, its last blob and its footer as they usually are; it grows when they are larger. */
const ROOM_BYTES = PACK_TARGET_BYTES + 2 * 1024 * 1024

/**
 * Builds one pack in one piece of memory: thousands of small buffers that live as long as a pack would leave the heap in pieces.
 * Memory that was never written to takes no room.
 */
export class PackWriter {
  readonly name: string
  readonly #blobs: PackedBlob[] = []
  readonly #copies: Moving[] = []
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
    return this.#length - HEAD_BYTES >= PACK_TARGET_BYTES || this.#blobs.length >= PACK_TARGET_BLOBS
  }

  /** How many blobs it holds. */
  get blobs (): number {
    return this.#blobs.length
  }

  /** Appends a copy of a blob's stored bytes. @returns where it is; that stays right when the pack is shuffled */
  append (blob: PackedBlob, stored: Uint8Array): Copy {
    const copy = copyAt(this.name, this.#length, blob)
    this.#append(blob, stored, copy)
    return copy
  }

  /**
   * The same pack with its blobs in another order, in `memory`. Of this one only the memory may still be used.
   * @param order the place that each had here
   */
  shuffled (order: readonly number[], memory?: Buffer): PackWriter {
    const other = new PackWriter(this.name, memory)
    for (const place of order) {
      const copy = this.#copies[place]!
      const stored = this.#memory.subarray(copy.offset, copy.offset + copy.stored)
      copy.offset = other.#length
      other.#append(this.#blobs[place]!, stored, copy)
    }
    return other
  }

  get memory (): Buffer {
    return this.#memory
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

  #append (blob: PackedBlob, stored: Uint8Array, copy: Moving): void {
    this.#blobs.push(blob)
    this.#copies.push(copy)
    this.#add(stored)
  }

  #add (bytes: Uint8Array): void {
    this.#hash.update(bytes)
    this.#copy(bytes)
  }

  #copy (bytes: Uint8Array): void {
    const end = this.#length + bytes.length
    if (end > this.#memory.length) this.#grow(end)
    copyShared(bytes, this.#memory, this.#length)
    this.#length = end
  }

  #grow (atLeast: number): void {
    const memory = Buffer.allocUnsafeSlow(Math.max(atLeast, 2 * this.#memory.length))
    memory.set(this.#memory.subarray(0, this.#length))
    this.#memory = memory
  }
}
