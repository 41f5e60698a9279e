import { ObjectCipher, SEGMENT_BYTES, STORED_SEGMENT_BYTES, TAG_BYTES } from './object-cipher.ts'
import { decodeSealHead, sealBroken } from './seal-header.ts'
import type { SealingKey } from './sealing.ts'

/** The object's length, which the plain stream begins with. */
export const LENGTH_BYTES = 8

/** The segments that hold a range of an object. */
export interface SegmentRange {
  /** Number of the first one. */
  readonly first: number
  /** Where it begins in what is stored. */
  readonly offset: number
  /** Stored bytes of all of them. */
  readonly length: number
}

/** A sealed object of which the header is known, and the key: says where things are in it and opens them. */
export class ObjectSeal {
  readonly storageKey: string
  /** Bytes before the segments. */
  readonly headBytes: number
  /** Length of the plain stream. */
  readonly size: number
  readonly #cipher: ObjectCipher

  /** @param head all bytes before the segments; not kept */
  constructor (storageKey: string, head: Uint8Array, key: SealingKey) {
    const { salt, size } = decodeSealHead(storageKey, head)
    this.storageKey = storageKey
    this.headBytes = head.length
    this.size = size
    this.#cipher = new ObjectCipher(storageKey, head, salt, key)
  }

  get segments (): number {
    return Math.ceil(this.size / SEGMENT_BYTES)
  }

  /** Length of all that is stored. */
  get storedBytes (): number {
    return this.headBytes + this.size + this.segments * TAG_BYTES
  }

  /** Length of a segment as it is stored. */
  storedSegment (number: number): number {
    return Math.min(SEGMENT_BYTES, this.size - number * SEGMENT_BYTES) + TAG_BYTES
  }

  /** Where the bytes of the object from `offset` to before `end` are, of which there must be one. */
  rangeOf (offset: number, end: number): SegmentRange {
    const first = Math.floor((LENGTH_BYTES + offset) / SEGMENT_BYTES)
    const last = Math.floor((LENGTH_BYTES + end - 1) / SEGMENT_BYTES)
    const start = this.headBytes + first * STORED_SEGMENT_BYTES
    return { first, offset: start, length: (last - first) * STORED_SEGMENT_BYTES + this.storedSegment(last) }
  }

  /** The part of the plain stream that is in a segment. @throws {BackupError} `SEAL_BROKEN` */
  open (number: number, stored: Uint8Array): Buffer {
    if (stored.length !== this.storedSegment(number)) throw sealBroken(this.storageKey, `it ends within segment ${number} of ${this.segments}`)
    return this.#cipher.open(number, stored)
  }

  /** Seals a part of the plain stream into `target`. @returns where it ends there */
  seal (number: number, plain: Uint8Array, target: Buffer, at: number): number {
    return this.#cipher.seal(number, plain, target, at)
  }

  /** The object's length, from the first segment. @throws {BackupError} `SEAL_BROKEN` */
  lengthIn (first: Buffer): number {
    const length = Number(first.readBigUInt64LE())
    if (length > this.size - LENGTH_BYTES) throw sealBroken(this.storageKey, `it claims ${length} bytes, more than there is room for`)
    return length
  }

  /** @throws {BackupError} `SEAL_BROKEN` unless `padding` is zeros */
  checkPadding (padding: Buffer): void {
    if (!padding.equals(ZEROS.subarray(0, padding.length))) throw sealBroken(this.storageKey, 'its padding is not empty')
  }
}

export const ZEROS = Buffer.alloc(SEGMENT_BYTES)
