import { BackupError } from '../../errors.ts'

// NumPy's format, version 1 or 2:
//   "\x93NUMPY" · major · minor · length H of the header (u16 or, in version 2, u32; little endian)
//   header: a Python dictionary in ASCII with exactly descr, fortran_order and shape, filled with spaces, ends with "\n"
//   the numbers, back to back

const MAGIC = Buffer.from('\x93NUMPY', 'latin1')
const ALIGNMENT = 64
const LONGEST_HEADER = 65_535

/** What the head of a .npy file says. */
export interface NpyHeader {
  /** NumPy's name of the type of a number, with its byte order: `<f4`, `<f8`, `|i1`, … */
  readonly dtype: string
  /** True if the numbers come column by column. */
  readonly isFortranOrder: boolean
  readonly shape: readonly number[]
  /** Rows and columns; a vector is one row, further dimensions count as columns. */
  readonly rows: number
  readonly columns: number
  /** Where the numbers begin, and how many bytes they take. */
  readonly offset: number
  readonly length: number
}

/** Numbers in rows, back to back. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly data: Float32Array | Float64Array
}

/** @throws {BackupError} `INVALID_OPTION` when there are not rows × columns numbers */
export function encodeNpy ({ rows, columns, data }: Matrix): Uint8Array {
  if (data.length !== rows * columns) throw new BackupError('INVALID_OPTION', `a matrix of ${rows} × ${columns} has ${rows * columns} numbers, not ${data.length}`, { data: { rows, columns } })
  const descr = data instanceof Float32Array ? '<f4' : '<f8'
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`
  const length = Math.ceil((MAGIC.length + 4 + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT
  const bytes = Buffer.alloc(length + data.byteLength, ' ')
  MAGIC.copy(bytes)
  bytes.writeUInt16LE(0x0001, MAGIC.length) // major 1, minor 0
  bytes.writeUInt16LE(length - MAGIC.length - 4, MAGIC.length + 2)
  bytes.write(dictionary, MAGIC.length + 4, 'latin1')
  bytes.write('\n', length - 1)
  writeNumbers(bytes, length, data)
  return bytes
}

/**
 * The matrix of a .npy file.
 * @throws {BackupError} `SOURCE_FAILED` when the bytes are no whole .npy file; `SOURCE_UNSUPPORTED` for other numbers than little-endian f4 and f8 in rows
 */
export function decodeNpy (bytes: Uint8Array, name = 'the matrix'): Matrix {
  const { dtype, isFortranOrder, shape, rows, columns, offset, length } = parseNpyHeader(bytes, name)
  if (bytes.length !== offset + length) throw damaged(name, `has ${bytes.length - offset} bytes of numbers instead of ${length}`)
  if ((dtype !== '<f4' && dtype !== '<f8') || isFortranOrder || shape.length > 2) {
    throw unsupported(name, `holds ${isFortranOrder ? 'columns of ' : ''}${dtype} in ${shape.length} dimensions; only rows of <f4 or <f8 can be computed with`)
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length)
  const data = dtype === '<f4'
    ? Float32Array.from({ length: rows * columns }, (_, index) => view.readFloatLE(index * 4))
    : Float64Array.from({ length: rows * columns }, (_, index) => view.readDoubleLE(index * 8))
  return { rows, columns, data }
}

/** How many bytes from the start suffice for {@link parseNpyHeader}. */
export const NPY_HEAD_BYTES = MAGIC.length + 6 + LONGEST_HEADER

/**
 * Reads the head; the numbers may be missing.
 * @throws {BackupError} `SOURCE_FAILED` when it is no .npy file; `SOURCE_UNSUPPORTED` for records, Python objects and other versions
 */
export function parseNpyHeader (bytes: Uint8Array, name = 'the matrix'): NpyHeader {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < MAGIC.length + 2 || !view.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(name, 'does not begin like a .npy file')
  const major = view[MAGIC.length]!
  if (major !== 1 && major !== 2) throw unsupported(name, `is a .npy file of version ${major}; 1 and 2 are known`)
  const start = MAGIC.length + (major === 1 ? 4 : 6)
  if (bytes.length < start) throw damaged(name, 'ends within its header')
  const headerLength = major === 1 ? view.readUInt16LE(start - 2) : view.readUInt32LE(start - 4)
  if (headerLength > LONGEST_HEADER) throw damaged(name, `says that its header has ${headerLength} bytes`)
  if (bytes.length < start + headerLength) throw damaged(name, 'ends within its header')
  const { descr, fortran, shape } = parseDictionary(view.toString('latin1', start, start + headerLength), name)
  const length = shape.reduce((product, size) => product * size, itemSize(descr, name))
  if (!Number.isSafeInteger(length)) throw damaged(name, `claims a shape of ${shape.join(' × ')}`)
  const columns = shape.slice(shape.length > 1 ? 1 : 0).reduce((product, size) => product * size, 1)
  return { dtype: descr, isFortranOrder: fortran, shape, rows: shape.length > 1 ? shape[0]! : 1, columns, offset: start + headerLength, length }
}

/** What NumPy writes: members with plain values, a comma between them or after each. */
const DICTIONARY = /^\{((?: *'(?:descr|fortran_order|shape)' *: *(?:'[^'\\]*'|True|False|\((?:\d+(?:, *\d+)*,?)?\)) *,?)*) *\}$/
/** Far more than any header but one of records needs; bounds the work on a forged one. */
const LONGEST_DICTIONARY = 1024
const MEMBER = /'(\w+)' *: *('[^']*'|True|False|\([^)]*\))/g

function parseDictionary (text: string, name: string): { readonly descr: string, readonly fortran: boolean, readonly shape: readonly number[] } {
  if (/'descr': *\[/.test(text)) throw unsupported(name, 'holds records; only matrices of numbers can be stored')
  const dictionary = text.trimEnd()
  const body = dictionary.length > LONGEST_DICTIONARY || !text.endsWith('\n') ? undefined : DICTIONARY.exec(dictionary)?.[1]
  const members = [...(body ?? '').matchAll(MEMBER)].map(([, key, value]): [string, string] => [key!, value!])
  const { descr, fortran_order: fortran, shape } = Object.fromEntries(members)
  if (members.length !== 3 || descr?.startsWith("'") !== true || !/^(?:True|False)$/.test(fortran ?? '') || shape?.startsWith('(') !== true) {
    throw damaged(name, 'has a header that NumPy does not write')
  }
  return { descr: descr.slice(1, -1), fortran: fortran === 'True', shape: (shape.match(/\d+/g) ?? []).map(Number) }
}

/** Bytes of one number of a NumPy type. */
function itemSize (dtype: string, name: string): number {
  const match = /^[<>|=]([biufcSV])(\d{1,4})$/.exec(dtype)
  if (match === null) throw unsupported(name, `holds values of type ${dtype.slice(0, 40)}; only numbers of a fixed size can be stored`)
  return Number(match[2])
}

function writeNumbers (bytes: Buffer, offset: number, data: Float32Array | Float64Array): void {
  if (data instanceof Float32Array) data.forEach((number, index) => bytes.writeFloatLE(number, offset + index * 4))
  else data.forEach((number, index) => bytes.writeDoubleLE(number, offset + index * 8))
}

function damaged (name: string, what: string): BackupError {
  return new BackupError('SOURCE_FAILED', `${name} ${what}; write it again with numpy.save`, { data: { name } })
}

function unsupported (name: string, what: string): BackupError {
  return new BackupError('SOURCE_UNSUPPORTED', `${name} ${what}`, { data: { name } })
}
