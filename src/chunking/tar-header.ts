/** Tar is made of blocks of this length. */
export const TAR_BLOCK = 512

/** What has to be known of a header block to find the next one. */
export interface TarHeader {
  readonly name: string
  readonly type: string
  /** Bytes of content after the headers, without padding. */
  readonly size: number
  /** True when a further block of a sparse map follows (GNU). */
  readonly extended: boolean
}

/** Types without content, whatever their size field says: links, devices, folders, FIFOs. */
const EMPTY_TYPES = '123456'

/** Reads a header block; undefined when its checksum is wrong, so that it is none. */
export function readTarHeader (block: Uint8Array): TarHeader | undefined {
  if (octal(block, 148, 8) !== checksum(block)) return undefined
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156]!)
  const size = number(block, 124, 12)
  if (size === undefined) return undefined
  const prefix = text(block, 257, 5) === 'ustar' && block[263] === 0x30 ? text(block, 345, 155) : '' // GNU keeps other things there
  const name = text(block, 0, 100)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type,
    size: EMPTY_TYPES.includes(type) ? 0 : size,
    extended: type === 'S' && block[482] !== 0,
  }
}

/** `path` and `size` of a pax extended header, as far as it has them. */
export function readPax (records: Uint8Array): { readonly path?: string, readonly size?: number } {
  const found: { path?: string, size?: number } = {}
  for (let start = 0; start < records.length;) {
    const space = records.indexOf(0x20, start)
    const length = space < 0 ? 0 : Number(text(records, start, space - start))
    if (!Number.isSafeInteger(length) || length <= space - start + 1) return found
    const record = Buffer.from(records.subarray(space + 1, start + length - 1)).toString('utf8')
    const equals = record.indexOf('=')
    const [keyword, value] = [record.slice(0, equals), record.slice(equals + 1)]
    if (keyword === 'path') found.path = value
    if (keyword === 'size' && /^[0-9]{1,15}$/.test(value)) found.size = Number(value)
    start += length
  }
  return found
}

/** Text up to the first NUL. */
export function text (bytes: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(bytes.subarray(start, start + length))
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? field.length : end)
}

/** A size: octal digits, or base 256 when the first bit is set. */
function number (block: Uint8Array, start: number, length: number): number | undefined {
  if ((block[start]! & 0x80) === 0) return octal(block, start, length)
  let value = block[start]! & 0x7f
  for (let at = start + 1; at < start + length; at++) value = value * 256 + block[at]!
  return Number.isSafeInteger(value) ? value : undefined
}

function octal (block: Uint8Array, start: number, length: number): number | undefined {
  const digits = text(block, start, length).trim()
  return /^[0-7]*$/.test(digits) ? parseInt(`0${digits}`, 8) : undefined
}

/** Sum of the block's bytes, its checksum field taken as spaces. */
function checksum (block: Uint8Array): number {
  let sum = 8 * 0x20
  for (let at = 0; at < TAR_BLOCK; at++) if (at < 148 || at >= 156) sum += block[at]!
  return sum
}
