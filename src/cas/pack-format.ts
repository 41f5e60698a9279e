import { createHash } from 'node:crypto'
import { encode } from '@ipld/dag-cbor'
import { BackupError } from '../errors.ts'
import { decodeBlobList, encodeBlobList, listVersion } from './blob-list.ts'
import type { PackedBlob } from './blob-list.ts'
import { decodeCanonical } from './canonical-cbor.ts'

/*
 * offset 0   "CAFPACK1"                          8 bytes
 *        8   length H of the header              u32 LE
 *       12   header: dag-cbor { name, v }        H bytes
 *     12+H   stored bytes of the blobs
 *            footer: dag-cbor { blobs, v }       F bytes
 *            F                                   u32 LE  ┐
 *            zero                                4 bytes │ the trailer,
 *            SHA-256 of all before this field    32 bytes│ 48 bytes
 *            "CAFPEND1"                          8 bytes ┘
 */
const HEAD_MAGIC = Buffer.from('CAFPACK1')
const TAIL_MAGIC = Buffer.from('CAFPEND1')
const HEADER_VERSION = 1
/** Of the footer, at most. */
const VERSION = 2

export const TRAILER_BYTES = 48
/** Bytes before the first blob: magic, length, and the header, which is as long for every name. */
export const HEAD_BYTES = encodeHead('0'.repeat(32)).length
/** A pack is closed once its blobs take more than this. */
export const PACK_TARGET_BYTES = 8 * 1024 * 1024
/** One with so many blobs is finished too, however small they are: what lists them is in memory until it is stored. */
export const PACK_TARGET_BLOBS = 8_192
/** Plain bytes of a blob at most. */
export const BLOB_LIMIT_BYTES = 16 * 1024 * 1024

/** What a pack holds, in the order of its stored bytes. */
export interface PackListing {
  /** 32 hex digits. */
  readonly name: string
  /** Length of the whole pack. */
  readonly sizeBytes: number
  /** Length of the object that a sealed pack is stored as. */
  readonly objectBytes?: number
  readonly blobs: readonly PackedBlob[]
}

/** How many bytes the pack takes in the storage. */
export function storedPackBytes ({ sizeBytes, objectBytes }: Pick<PackListing, 'sizeBytes' | 'objectBytes'>): number {
  return objectBytes ?? sizeBytes
}

/** The bytes in front of the first blob. */
export function encodeHead (name: string): Buffer {
  const header = encode({ name: Buffer.from(name, 'hex'), v: HEADER_VERSION })
  const head = Buffer.alloc(12 + header.length)
  HEAD_MAGIC.copy(head)
  head.writeUInt32LE(header.length, 8)
  head.set(header, 12)
  return head
}

export function encodeFooter (blobs: readonly PackedBlob[]): Uint8Array {
  return encode({ blobs: encodeBlobList(blobs), v: listVersion(blobs) })
}

/** The first two members of the trailer, which the file's hash still covers. */
export function encodeFooterLength (footerBytes: number): Buffer {
  const length = Buffer.alloc(8)
  length.writeUInt32LE(footerBytes)
  return length
}

/** The last two members of the trailer. */
export function encodeSeal (digest: Uint8Array): Buffer {
  return Buffer.concat([digest, TAIL_MAGIC])
}

/** @throws {BackupError} `PACK_CORRUPT` unless `head` is what a pack of this name begins with; `FORMAT_UNKNOWN` */
export function checkHead (name: string, head: Uint8Array): void {
  const expected = encodeHead(name)
  if (expected.equals(head)) return
  if (HEAD_MAGIC.equals(head.subarray(0, 7)) && head[7]! > HEAD_MAGIC[7]!) throw unknown(name)
  throw packCorrupt(name, 'its header is not that of this pack')
}

/** Length of the footer, and the hash over everything before it. @throws {BackupError} `PACK_CORRUPT` */
export function decodeTrailer (name: string, trailer: Buffer): { readonly footerBytes: number, readonly digest: Buffer } {
  if (trailer.length !== TRAILER_BYTES || !TAIL_MAGIC.equals(trailer.subarray(40))) throw packCorrupt(name, 'it does not end as a pack does')
  if (trailer.readUInt32LE(4) !== 0) throw packCorrupt(name, 'its trailer is damaged')
  return { footerBytes: trailer.readUInt32LE(0), digest: trailer.subarray(8, 40) }
}

/** The blobs a footer lists; `room` is what they must take together. @throws {BackupError} `PACK_CORRUPT`, `FORMAT_UNKNOWN` */
export function decodeFooter (name: string, footer: Uint8Array, room: number): PackedBlob[] {
  const damaged = (why: string, cause?: unknown): BackupError => packCorrupt(name, `its footer ${why}`, cause)
  const body = decodeCanonical<{ v?: unknown, blobs?: unknown }>(footer, damaged)
  if (typeof body.v === 'number' && body.v > VERSION) throw unknown(name)
  const blobs = decodeBlobList(body.blobs, damaged)
  if (body.v !== listVersion(blobs)) throw damaged('names another version than its blobs have')
  const stored = blobs.reduce((sum, blob) => sum + blob.stored, 0)
  if (stored !== room) throw damaged(`lists ${stored} bytes of blobs where there are ${room}`)
  return blobs
}

export function packCorrupt (name: string, why: string, cause?: unknown): BackupError {
  return new BackupError('PACK_CORRUPT', `pack ${name} is damaged: ${why}`, { data: { pack: name }, cause })
}

/** An incremental hash over a pack's bytes. */
export function packHash (): ReturnType<typeof createHash> {
  return createHash('sha256')
}

function unknown (name: string): BackupError {
  return new BackupError('FORMAT_UNKNOWN', `pack ${name} has a newer format; use a newer version`, { data: { pack: name } })
}
