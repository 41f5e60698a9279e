import { encode } from '@ipld/dag-cbor'
import { BackupError } from '../errors.ts'
import { decodeCanonical } from './canonical-cbor.ts'

/*
 * offset 0   "CAFSEAL1"                                             8 bytes
 *        8   length H of the header                                 u32 LE
 *       12   header: dag-cbor { key, salt, size, slots?, v, wrap? }  H bytes
 *     12+H   segments
 */
const MAGIC = Buffer.from('CAFSEAL1')
const VERSION = 1
/** Bytes before the header. */
export const PREFIX_BYTES = 12
export const SALT_BYTES = 32
const KEY_ID_BYTES = 16
/** Key files in a header are few and small. */
const HEADER_LIMIT_BYTES = 1024 * 1024

export interface SealHeader {
  /** Id of the sealing key, 32 hex digits. */
  readonly key: string
  /** 32 bytes that no other object has. */
  readonly salt: Uint8Array
  /** Length of the plain stream: the object's length, the object, zeros. */
  readonly size: number
  readonly slots?: readonly Uint8Array[]
  /** The sealing key for those who learn it only from here: an age file. */
  readonly wrap?: Uint8Array
}

/** All bytes before the segments. */
export function encodeSealHead ({ key, salt, size, slots = [], wrap }: SealHeader): Buffer {
  const header = encode({
    key: Buffer.from(key, 'hex'), salt, size, v: VERSION,
    ...(slots.length === 0 ? {} : { slots }), ...(wrap === undefined ? {} : { wrap }),
  })
  const head = Buffer.alloc(PREFIX_BYTES + header.length)
  MAGIC.copy(head)
  head.writeUInt32LE(header.length, MAGIC.length)
  head.set(header, PREFIX_BYTES)
  return head
}

/** How many bytes stand before the segments of the object under `storageKey`. @throws {BackupError} `SEAL_BROKEN`, `FORMAT_UNKNOWN` */
export function sealHeadBytes (storageKey: string, start: Buffer): number {
  if (start.length < PREFIX_BYTES) throw sealBroken(storageKey, `it ends after ${start.length} bytes`)
  if (!MAGIC.equals(start.subarray(0, MAGIC.length))) {
    if (MAGIC.equals(Buffer.concat([start.subarray(0, 7), MAGIC.subarray(7)])) && start[7]! > MAGIC[7]!) throw unknown(storageKey)
    throw sealBroken(storageKey, 'it does not begin as a sealed object does')
  }
  const length = start.readUInt32LE(MAGIC.length)
  if (length > HEADER_LIMIT_BYTES) throw sealBroken(storageKey, `it claims a header of ${length} bytes`)
  return PREFIX_BYTES + length
}

/** The header in all bytes before the segments. @throws {BackupError} `SEAL_BROKEN`, `FORMAT_UNKNOWN` */
export function decodeSealHead (storageKey: string, head: Uint8Array): SealHeader {
  const damaged = (why: string, cause?: unknown): BackupError => sealBroken(storageKey, `its header ${why}`, cause)
  const header = decodeCanonical<Record<string, unknown>>(head.subarray(PREFIX_BYTES), damaged)
  const { key, salt, size, slots, v, wrap } = header
  if (typeof v === 'number' && v > VERSION) throw unknown(storageKey)
  if (v !== VERSION || !isBytes(key, KEY_ID_BYTES) || !isBytes(salt, SALT_BYTES)) throw damaged('lacks a member')
  if (!Number.isSafeInteger(size) || (size as number) < 8) throw damaged('names no size')
  if (wrap !== undefined && !(wrap instanceof Uint8Array)) throw damaged('has a wrapped key that is none')
  if (slots !== undefined && !(Array.isArray(slots) && slots.every(slot => slot instanceof Uint8Array))) throw damaged('has slots that are none')
  return {
    key: Buffer.from(key).toString('hex'), salt, size: size as number,
    ...(slots === undefined ? {} : { slots }), ...(wrap === undefined ? {} : { wrap }),
  }
}

/** The error for a sealed object that is not what was sealed under this key. */
export function sealBroken (storageKey: string, why: string, cause?: unknown): BackupError {
  return new BackupError('SEAL_BROKEN', `${storageKey} is not what was sealed there: ${why}`, { data: { key: storageKey }, cause })
}

function isBytes (value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length
}

function unknown (storageKey: string): BackupError {
  return new BackupError('FORMAT_UNKNOWN', `${storageKey} is sealed in a newer format; use a newer version`, { data: { key: storageKey } })
}
