import { ByteBuffer } from '../chunking/byte-buffer.ts'

/** What the directory says of an entry that is written. Lengths and offsets in bytes. */
export interface WrittenEntry {
  /** UTF-8; with a final `/` for a folder. */
  readonly name: Uint8Array
  readonly method: 'deflate' | 'store'
  readonly crc: number
  readonly size: number
  readonly storedSize: number
  /** Where its header begins. */
  readonly offset: number
}

const MOST_16 = 0xffff
const MOST_32 = 0xffff_ffff
const VERSION = 20
const VERSION_64 = 45
const MADE_BY_UNIX = 3 << 8
/** The name is UTF-8. */
const UTF8 = 0x0800
/** CRC and sizes follow the content. */
const DESCRIPTOR = 0x0008
/** 1980-01-01, the same in every archive, so that equal input gives equal bytes. */
const DATE = 0x0021
const FILE_MODE = 0o100644
const FOLDER_MODE = 0o40755
const DOS_FOLDER = 0x10
const FOLDER_MARK = 0x2f

/** What stands before a content. CRC and sizes are not known yet. */
export function localHeader ({ name, method }: Pick<WrittenEntry, 'name' | 'method'>): Buffer {
  const header = Buffer.alloc(30 + name.length)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(VERSION, 4)
  header.writeUInt16LE(flagsOf(name), 6)
  header.writeUInt16LE(methodNumber(method), 8)
  header.writeUInt16LE(DATE, 12)
  header.writeUInt16LE(name.length, 26)
  header.set(name, 30)
  return header
}

/** What stands after a content; empty for a folder, of which everything is known before. */
export function dataDescriptor ({ name, crc, size, storedSize }: WrittenEntry): Buffer {
  if (isFolder(name)) return Buffer.alloc(0)
  const isLarge = size >= MOST_32 || storedSize >= MOST_32
  const descriptor = Buffer.alloc(isLarge ? 24 : 16)
  descriptor.writeUInt32LE(0x08074b50, 0)
  descriptor.writeUInt32LE(crc, 4)
  if (isLarge) {
    writeUint64(descriptor, storedSize, 8)
    writeUint64(descriptor, size, 16)
  } else {
    descriptor.writeUInt32LE(storedSize, 8)
    descriptor.writeUInt32LE(size, 12)
  }
  return descriptor
}

/** The directory at the end of a ZIP. Holds some hundred bytes an entry. */
export class ZipDirectory {
  readonly #records = new ByteBuffer(65_536)
  #count = 0

  add (entry: WrittenEntry): void {
    const { name, crc, size, storedSize, offset } = entry
    const isLarge = size >= MOST_32 || storedSize >= MOST_32 || offset >= MOST_32
    const record = this.#records.extend(46 + name.length + (isLarge ? 28 : 0)).fill(0)
    record.writeUInt32LE(0x02014b50, 0)
    record.writeUInt16LE(MADE_BY_UNIX | VERSION_64, 4)
    record.writeUInt16LE(isLarge ? VERSION_64 : VERSION, 6)
    record.writeUInt16LE(flagsOf(name), 8)
    record.writeUInt16LE(methodNumber(entry.method), 10)
    record.writeUInt16LE(DATE, 14)
    record.writeUInt32LE(crc, 16)
    record.writeUInt32LE(isLarge ? MOST_32 : storedSize, 20)
    record.writeUInt32LE(isLarge ? MOST_32 : size, 24)
    record.writeUInt16LE(name.length, 28)
    record.writeUInt16LE(isLarge ? 28 : 0, 30)
    record.writeUInt32LE(isFolder(name) ? ((FOLDER_MODE << 16) | DOS_FOLDER) >>> 0 : (FILE_MODE << 16) >>> 0, 38)
    record.writeUInt32LE(isLarge ? MOST_32 : offset, 42)
    record.set(name, 46)
    if (isLarge) writeLargeExtra(record.subarray(46 + name.length), entry)
    this.#count++
  }

  /** How long the whole end is, with a comment of that length, if it begins at `start`. */
  lengthAt (start: number, commentLength: number): number {
    return this.#records.length + (this.#isLarge(start) ? 76 : 0) + 22 + commentLength
  }

  /** The records of the entries, which begin at `start`, and the end of the ZIP without its comment. */
  end (start: number, commentLength: number): Buffer {
    const length = this.#records.length
    const end = Buffer.alloc(22)
    const isLarge = this.#isLarge(start)
    end.writeUInt32LE(0x06054b50, 0)
    end.writeUInt16LE(Math.min(this.#count, MOST_16), 8)
    end.writeUInt16LE(Math.min(this.#count, MOST_16), 10)
    end.writeUInt32LE(Math.min(length, MOST_32), 12)
    end.writeUInt32LE(Math.min(start, MOST_32), 16)
    end.writeUInt16LE(commentLength, 20)
    return Buffer.concat([this.#records.bytes, isLarge ? this.#largeEnd(start) : Buffer.alloc(0), end])
  }

  #isLarge (start: number): boolean {
    return this.#count >= MOST_16 || this.#records.length >= MOST_32 || start >= MOST_32
  }

  /** The end of ZIP64, and where it is. */
  #largeEnd (start: number): Buffer {
    const length = this.#records.length
    const end = Buffer.alloc(76)
    end.writeUInt32LE(0x06064b50, 0)
    writeUint64(end, 44, 4)
    end.writeUInt16LE(MADE_BY_UNIX | VERSION_64, 12)
    end.writeUInt16LE(VERSION_64, 14)
    writeUint64(end, this.#count, 24)
    writeUint64(end, this.#count, 32)
    writeUint64(end, length, 40)
    writeUint64(end, start, 48)
    end.writeUInt32LE(0x07064b50, 56)
    writeUint64(end, start + length, 64)
    end.writeUInt32LE(1, 72)
    return end
  }
}

/** Sizes and offset that do not fit their places. */
function writeLargeExtra (extra: Buffer, { size, storedSize, offset }: WrittenEntry): void {
  extra.writeUInt16LE(0x0001, 0)
  extra.writeUInt16LE(24, 2)
  writeUint64(extra, size, 4)
  writeUint64(extra, storedSize, 12)
  writeUint64(extra, offset, 20)
}

function isFolder (name: Uint8Array): boolean {
  return name.at(-1) === FOLDER_MARK
}

function flagsOf (name: Uint8Array): number {
  return isFolder(name) ? UTF8 : UTF8 | DESCRIPTOR
}

function methodNumber (method: WrittenEntry['method']): number {
  return method === 'deflate' ? 8 : 0
}

function writeUint64 (bytes: Buffer, value: number, offset: number): void {
  bytes.writeBigUInt64LE(BigInt(value), offset)
}
