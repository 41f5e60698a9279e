import { crc32 } from 'node:zlib'
import { addressFromBytes } from './address.ts'
import type { Encoding } from './blob-list.ts'
import type { Copy } from './copy.ts'

/*
 * A value of the Level cache: the copies of one blob, then a checksum.
 *   pack 16 | offset u32 | stored u32 | plain u32 | encoding u8 | depth u8 | base 32, with encodings 2 and 3 only     … repeated
 *   CRC-32 of all that u32
 * LevelDB does not check its own blocks when it reads.
 */
const FIXED_BYTES = 30
const BASE_BYTES = 32
const CHECKSUM_BYTES = 4

export function encodeCopies (copies: readonly Copy[]): Buffer {
  const length = copies.reduce((sum, copy) => sum + encodedLength(copy), 0)
  const value = Buffer.allocUnsafe(length + CHECKSUM_BYTES)
  let at = 0
  for (const copy of copies) at = encodeCopy(copy, value, at)
  value.writeUInt32LE(crc32(value.subarray(0, length)), length)
  return value
}

/** The copies in `value`, or undefined if it is damaged. */
export function decodeCopies (value: Buffer): Copy[] | undefined {
  const end = value.length - CHECKSUM_BYTES
  if (end < 0 || value.readUInt32LE(end) !== crc32(value.subarray(0, end))) return undefined
  const copies: Copy[] = []
  for (let at = 0; at < end;) {
    const copy = decodeCopy(value, at)
    copies.push(copy)
    at += encodedLength(copy)
  }
  return copies
}

function encodedLength ({ base }: Copy): number {
  return FIXED_BYTES + (base === undefined ? 0 : BASE_BYTES)
}

/** @returns where the next copy begins */
function encodeCopy ({ pack, offset, stored, plain, encoding, depth, base }: Copy, value: Buffer, at: number): number {
  value.write(pack, at, 'hex')
  value.writeUInt32LE(offset, at + 16)
  value.writeUInt32LE(stored, at + 20)
  value.writeUInt32LE(plain, at + 24)
  value.writeUInt8(encoding, at + 28)
  value.writeUInt8(depth, at + 29)
  if (base === undefined) return at + FIXED_BYTES
  value.write(base, at + FIXED_BYTES, 'hex')
  return at + FIXED_BYTES + BASE_BYTES
}

function decodeCopy (value: Buffer, at: number): Copy {
  const encoding = value.readUInt8(at + 28) as Encoding
  const copy = {
    pack: value.toString('hex', at, at + 16),
    offset: value.readUInt32LE(at + 16),
    stored: value.readUInt32LE(at + 20),
    plain: value.readUInt32LE(at + 24),
    encoding,
    depth: value.readUInt8(at + 29),
  }
  if (encoding < 2) return copy
  return { ...copy, base: addressFromBytes(value.subarray(at + FIXED_BYTES, at + FIXED_BYTES + BASE_BYTES)) }
}
