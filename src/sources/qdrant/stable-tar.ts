import type { Bytes } from '../../stream.ts'
import { PieceReader } from './piece-reader.ts'

// Taking a snapshot touches files of the collection, and their times stand in the headers of the snapshot's tar and of
// the tars in it (one a segment). Without them two snapshots of an unchanged collection are equal.
//
//   header, 512 bytes:  0 name[100] · 124 size[12] · 136 mtime[12] · 148 checksum[8] · 156 type · 257 "ustar"
//                       482 "extended by a block" (type S: sparse; the next block says the same at 504)
//   then the content, filled up to a multiple of 512

const BLOCK = 512
const SIZE = 124
const MTIME = 136
const CHECKSUM = 148
const TYPE = 156
const MAGIC = 257
const SPARSE = 'S'
const SPARSE_EXTENDED = 482
const SPARSE_EXTENDED_AGAIN = 504

/** The same tar with the time 0 for each member, also of the tars in it. What is no tar passes unchanged. */
export async function * stableTar (source: Bytes): AsyncGenerator<Uint8Array> {
  const reader = new PieceReader(source)
  try {
    yield * members(reader, Infinity)
  } finally {
    await reader.close()
  }
}

/** Members within the next `budget` bytes. */
async function * members (reader: PieceReader, budget: number): AsyncGenerator<Uint8Array> {
  let left = budget
  while (left > 0) {
    const block = await reader.read(Math.min(BLOCK, left))
    if (block === undefined) return
    left -= block.length
    const header = block.length === BLOCK ? parseHeader(block) : undefined
    if (header === undefined) {
      yield block
      if (block.every(byte => byte === 0)) continue // the end, or what fills it up
      yield * reader.pass(left)
      return
    }
    yield header.bytes
    for (let extended = header.isExtended; extended && left >= BLOCK; left -= BLOCK) {
      const extension = await reader.read(BLOCK)
      if (extension === undefined) return
      yield extension
      extended = extension[SPARSE_EXTENDED_AGAIN] === 1
    }
    const length = Math.min(Math.ceil(header.size / BLOCK) * BLOCK, left)
    yield * header.name.endsWith('.tar') ? members(reader, length) : reader.pass(length)
    left -= length
  }
}

interface Header {
  /** The header with the time 0. */
  readonly bytes: Uint8Array
  readonly name: string
  readonly size: number
  readonly isExtended: boolean
}

function parseHeader (block: Uint8Array): Header | undefined {
  const view = Buffer.from(block)
  const size = numberAt(view, SIZE, 12)
  if (view.toString('latin1', MAGIC, MAGIC + 5) !== 'ustar' || size === undefined || numberAt(view, CHECKSUM, 8) !== checksumOf(view)) return undefined
  view.write('00000000000\0', MTIME, 'latin1')
  view.write(`${checksumOf(view).toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1')
  return {
    bytes: view,
    name: view.toString('latin1', 0, 100).replace(/\0.*$/s, ''),
    size,
    isExtended: view.toString('latin1', TYPE, TYPE + 1) === SPARSE && view[SPARSE_EXTENDED] === 1,
  }
}

/** Octal digits, or binary when the first bit is set (over 8 GiB). */
function numberAt (header: Buffer, offset: number, length: number): number | undefined {
  if ((header[offset]! & 0x80) !== 0) return Number(header.readBigUInt64BE(offset + length - 8))
  const digits = header.toString('latin1', offset, offset + length).replace(/\0.*$/s, '').trim()
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

/** The sum of the header's bytes, those of the checksum itself taken as spaces. */
function checksumOf (header: Buffer): number {
  let sum = 0
  for (let index = 0; index < BLOCK; index++) {
    sum += index >= CHECKSUM && index < CHECKSUM + 8 ? 0x20 : header[index]!
  }
  return sum
}
