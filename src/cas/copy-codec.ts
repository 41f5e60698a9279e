import { crc32 } from 'node:zlib'
import { addressFromBytes, addressToBytes } from './address.ts'
import type { Encoding } from './blob-list.ts'
import type { Copy } from './copy.ts'

/*
 * A value of the Level cache: the copies of one blob, then a checksum.
 *   pack 16 | offset u32 | stored u32 | plain u32 | encoding u8 | depth u8 | base 32, with encoding 2 only     … repeated
 *   CRC-32 of all that u32
 * LevelDB does not check its own blocks when it reads.
 */
const FIXED_BYTES = 30
const BASE_BYTES = 32

export function encodeCopies (copies: readonly Copy[]): Buffer {
  const content = Buffer.concat(copies.map(encodeCopy))
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(crc32(content))
  return Buffer.concat([content, checksum])
}

/** The copies in `value`, or undefined if it is damaged. */
export function decodeCopies (value: Buffer): Copy[] | undefined {
  const end = value.length - 4
  if (end < 0 || value.readUInt32LE(end) !== crc32(value.subarray(0, end))) return undefined
  const copies: Copy[] = []
  for (let at = 0; at < end;) {
    const copy = decodeCopy(value, at)
    copies.push(copy)
    at += FIXED_BYTES + (copy.base === undefined ? 0 : BASE_BYTES)
  }
  return copies
}

function encodeCopy ({ pack, offset, stored, plain, encoding, depth, base }: Copy): Buffer {
  const fixed = Buffer.alloc(FIXED_BYTES)
  fixed.write(pack, 'hex')
  fixed.writeUInt32LE(offset, 16)
  fixed.writeUInt32LE(stored, 20)
  fixed.writeUInt32LE(plain, 24)
  fixed.writeUInt8(encoding, 28)
  fixed.writeUInt8(depth, 29)
  return base === undefined ? fixed : Buffer.concat([fixed, addressToBytes(base)])
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
  if (encoding !== 2) return copy
  return { ...copy, base: addressFromBytes(value.subarray(at + FIXED_BYTES, at + FIXED_BYTES + BASE_BYTES)) }
}
