import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Plain size in bytes, SHA-256 in hex and CRC-32 of a content. */
export interface Measure {
  readonly size: number
  readonly sha256: string
  readonly crc: number
}

/** Counts and hashes what passes. */
export class Meter {
  readonly #hash = createHash('sha256')
  #size = 0
  #crc = 0

  add (bytes: Uint8Array): void {
    this.#size += bytes.length
    this.#crc = crc32(bytes, this.#crc)
    this.#hash.update(bytes)
  }

  /** Of all that has passed; once. */
  result (): Measure {
    return { size: this.#size, sha256: this.#hash.digest('hex'), crc: this.#crc }
  }
}
