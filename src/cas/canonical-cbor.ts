import { decode, encode } from '@ipld/dag-cbor'
import type { BackupError } from '../errors.ts'

/** Makes an error from half a sentence. */
export type Damaged = (why: string, cause?: unknown) => BackupError

/** The object in `bytes`, if they are what dag-cbor's one encoding of it gives: the decoder alone accepts unsorted keys. */
export function decodeCanonical<T extends object> (bytes: Uint8Array, damaged: Damaged): T {
  const value = decodeMap<T>(bytes, damaged)
  if (!isEncodingOf(bytes, value)) throw damaged('is not in canonical form')
  return value
}

/** False also for what is nested so deep that it can be decoded and not encoded. */
function isEncodingOf (bytes: Uint8Array, value: object): boolean {
  try {
    return Buffer.compare(bytes, encode(value)) === 0
  } catch {
    return false
  }
}

/** The object in `bytes`, in whatever form: for what a checksum covers. */
export function decodeMap<T extends object> (bytes: Uint8Array, damaged: Damaged): T {
  let value: unknown
  try {
    value = decode(bytes)
  } catch (error) {
    throw damaged('is not dag-cbor', error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged('is not a map')
  return value as T // Members are checked by the caller, one by one.
}
