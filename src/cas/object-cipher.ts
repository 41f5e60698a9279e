import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { sealBroken } from './seal-header.ts'
import type { SealingKey } from './sealing.ts'

/** Plain bytes in a segment; the last one of an object may have fewer. */
export const SEGMENT_BYTES = 65_536
export const TAG_BYTES = 16
/** A full segment as it is stored. */
export const STORED_SEGMENT_BYTES = SEGMENT_BYTES + TAG_BYTES

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12

/**
 * Seals and opens the segments of one object: AES-256-GCM under a key that only this object has, with the segment's number as
 * nonce. Every segment is bound to the object's storage key and to all bytes before the segments.
 */
export class ObjectCipher {
  readonly #storageKey: string
  readonly #key: KeyObject
  readonly #bound: Buffer

  /** @param head all bytes before the segments */
  constructor (storageKey: string, head: Uint8Array, salt: Uint8Array, { bytes }: SealingKey) {
    this.#storageKey = storageKey
    this.#key = createSecretKey(Buffer.from(hkdfSync('sha256', bytes, salt, 'caf/seal/1', KEY_BYTES)))
    this.#bound = Buffer.concat([Buffer.from(storageKey), Buffer.from([0]), head])
  }

  /** Writes the sealed form of `plain` into `target` at `at`. @returns where it ends */
  seal (number: number, plain: Uint8Array, target: Buffer, at: number): number {
    const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(number), { authTagLength: TAG_BYTES }).setAAD(this.#bound)
    target.set(cipher.update(plain), at)
    cipher.final()
    target.set(cipher.getAuthTag(), at + plain.length)
    return at + plain.length + TAG_BYTES
  }

  /** The plain bytes of a segment. @throws {BackupError} `SEAL_BROKEN` */
  open (number: number, stored: Uint8Array): Buffer {
    if (stored.length < TAG_BYTES) throw sealBroken(this.#storageKey, `it ends within segment ${number}`)
    const end = stored.length - TAG_BYTES
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonceOf(number), { authTagLength: TAG_BYTES }).setAAD(this.#bound)
    decipher.setAuthTag(stored.subarray(end))
    const plain = decipher.update(stored.subarray(0, end))
    try {
      decipher.final()
    } catch (error) {
      throw sealBroken(this.#storageKey, `segment ${number} was changed, or belongs elsewhere`, error)
    }
    return plain
  }
}

function nonceOf (number: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUIntBE(number, NONCE_BYTES - 6, 6)
  return nonce
}
