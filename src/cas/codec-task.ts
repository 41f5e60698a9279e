import { addressOf } from './address.ts'
import type { Encoding } from './blob-list.ts'
import type { Address } from './blob-store.ts'
import { applyScript } from './edit-script.ts'
import { compress, decompress, free } from './zstd.ts'
import type { Effort } from './zstd.ts'

/** A delta so much smaller than the bytes themselves is taken without a look at what a plain frame would be. */
const SURELY = 8

/** How bytes stand in a pack. */
export interface EncodedBytes {
  readonly encoding: Encoding
  readonly stored: Uint8Array
}

/** What bytes are stored as, with what that takes: a base's bytes, or what these are stored as. */
export interface StoredBytes extends StoredForm {
  readonly stored: Uint8Array
  readonly base?: Uint8Array | StoredBytes | undefined
}

export interface DecodedBytes {
  readonly bytes: Uint8Array
  readonly address: Address
}

/** What stored bytes are. */
export interface StoredForm {
  readonly encoding: Encoding
  /** Length of the bytes they stand for. */
  readonly plain: number
}

/** As a delta of `base` if that is clearly smaller than without, half at least; else as a frame, or as it is. */
export function encodeBytes (bytes: Uint8Array, base: Uint8Array | undefined, effort: Effort): EncodedBytes {
  const delta = base === undefined ? undefined : compress(bytes, { dictionary: base })
  if (delta !== undefined && delta.length * SURELY <= bytes.length) return { encoding: 2, stored: delta }
  const frame = compress(bytes, { effort })
  if (delta !== undefined && delta.length * 2 <= Math.min(frame.length, bytes.length)) {
    free(frame)
    return { encoding: 2, stored: delta }
  }
  if (delta !== undefined) free(delta)
  if (frame.length < bytes.length) return { encoding: 1, stored: frame }
  free(frame)
  return { encoding: 0, stored: bytes }
}

/**
 * The bytes of the first of the parts, and what they hash to. Each part is the base of the one before it, the last one perhaps without a form, which
 * are plain bytes then. Throws when something cannot be decompressed, or gives more than it should.
 */
export function decodeBytes (parts: readonly Uint8Array[], forms: readonly StoredForm[]): DecodedBytes {
  const bytes = forms.reduceRight((base: Uint8Array | undefined, { encoding, plain }, index) => {
    const stored = parts[index]!
    const decoded = encoding === 0 ? stored : encoding === 3 ? applyScript(stored, base!, plain) : decompress(stored, plain, { dictionary: base })
    if (base !== undefined && !parts.includes(base)) free(base)
    return decoded
  }, parts[forms.length])!
  return { bytes, address: addressOf(bytes) }
}

/** What each of several blobs without a base hashes to; undefined for one that cannot be decompressed, or has another length. */
export function addressesOf (stored: readonly Uint8Array[], forms: readonly StoredForm[]): (Address | undefined)[] {
  return stored.map((bytes, index) => {
    try {
      const decoded = decodeBytes([bytes], [forms[index]!])
      const { length } = decoded.bytes
      if (decoded.bytes !== bytes) free(decoded.bytes)
      return length === forms[index]!.plain ? decoded.address : undefined
    } catch {
      return undefined
    }
  })
}
