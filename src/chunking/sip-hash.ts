import { BackupError } from '../errors.ts'

/**
 * SipHash-2-4 with one key. `of` leaves the 64-bit result in `high` and `low` (unsigned 32-bit halves of the
 * little-endian number), so that hashing a row allocates nothing. Not for concurrent use.
 */
export class SipHash {
  high = 0
  low = 0
  readonly #key: Int32Array

  /** @throws {BackupError} `INVALID_OPTION` when the seed is not 16 bytes long. */
  constructor (seed: Uint8Array) {
    if (seed.length !== 16) throw new BackupError('INVALID_OPTION', `the seed has ${seed.length} bytes, not 16`, { data: { length: seed.length } })
    const view = new DataView(seed.buffer, seed.byteOffset, 16)
    this.#key = Int32Array.from({ length: 4 }, (_, i) => view.getInt32(i * 4, true))
  }

  /** Hashes `bytes[start, end)`. */
  of (bytes: Uint8Array, start = 0, end = bytes.length): this {
    const [k0l, k0h, k1l, k1h] = this.#key as unknown as [number, number, number, number]
    let v0h = k0h ^ 0x736f6d65, v0l = k0l ^ 0x70736575
    let v1h = k1h ^ 0x646f7261, v1l = k1l ^ 0x6e646f6d
    let v2h = k0h ^ 0x6c796765, v2l = k0l ^ 0x6e657261
    let v3h = k1h ^ 0x74656462, v3l = k1l ^ 0x79746573
    const length = end - start
    let at = start
    for (let words = (length >>> 3) + 1; words >= 0; words--) {
      let mh = 0, ml = 0, rounds = 2
      if (words > 1) {
        ml = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24
        mh = bytes[at + 4]! | bytes[at + 5]! << 8 | bytes[at + 6]! << 16 | bytes[at + 7]! << 24
        at += 8
      } else if (words === 1) { // what is left, and the length in the top byte
        mh = length << 24
        for (let shift = 0; at < end; at++, shift += 8) {
          if (shift < 32) ml |= bytes[at]! << shift
          else mh |= bytes[at]! << (shift - 32)
        }
      } else { // all words are in
        v2l ^= 0xff
        rounds = 4
      }
      v3h ^= mh
      v3l ^= ml
      for (; rounds > 0; rounds--) {
        // Each 64-bit addition: the low halves, and what they carry into the high ones. Carries are random: as a condition, half of them would be mispredicted, which doubled the time.
        let sum = v0l + v1l | 0
        v0h = v0h + v1h + ((v0l & v1l | (v0l | v1l) & ~sum) >>> 31) | 0
        v0l = sum
        let t = v1h << 13 | v1l >>> 19
        v1l = (v1l << 13 | v1h >>> 19) ^ v0l
        v1h = t ^ v0h
        t = v0h
        v0h = v0l
        v0l = t
        sum = v2l + v3l | 0
        v2h = v2h + v3h + ((v2l & v3l | (v2l | v3l) & ~sum) >>> 31) | 0
        v2l = sum
        t = v3h << 16 | v3l >>> 16
        v3l = (v3l << 16 | v3h >>> 16) ^ v2l
        v3h = t ^ v2h
        sum = v0l + v3l | 0
        v0h = v0h + v3h + ((v0l & v3l | (v0l | v3l) & ~sum) >>> 31) | 0
        v0l = sum
        t = v3h << 21 | v3l >>> 11
        v3l = (v3l << 21 | v3h >>> 11) ^ v0l
        v3h = t ^ v0h
        sum = v2l + v1l | 0
        v2h = v2h + v1h + ((v2l & v1l | (v2l | v1l) & ~sum) >>> 31) | 0
        v2l = sum
        t = v1h << 17 | v1l >>> 15
        v1l = (v1l << 17 | v1h >>> 15) ^ v2l
        v1h = t ^ v2h
        t = v2h
        v2h = v2l
        v2l = t
      }
      v0h ^= mh
      v0l ^= ml
    }
    this.high = (v0h ^ v1h ^ v2h ^ v3h) >>> 0
    this.low = (v0l ^ v1l ^ v2l ^ v3l) >>> 0
    return this
  }

  /** True if the last result is below 2^(64 − `bits`); `bits` from 0 to 32. */
  below (bits: number): boolean {
    return bits === 0 || this.high >>> (32 - bits) === 0
  }
}
