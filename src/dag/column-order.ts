import type { KeyColumn, KeyOrder } from '../sources/source.ts'
import { BackupError } from '../errors.ts'
import { unescapeValue } from '../chunking/copy-text.ts'

/** Compares two values of COPY text, given as ranges; negative when the first comes before. */
export type CompareValues = (a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number) => number

/** How PostgreSQL orders the values of a key column. */
export function columnOrder ({ order, labels }: KeyColumn): CompareValues {
  return order === 'enum' ? enumOrder(labels ?? []) : ORDERS[order]
}

const ORDERS: Readonly<Record<Exclude<KeyOrder, 'enum'>, CompareValues>> = {
  integer: compareIntegers,
  numeric: viaText(compareNumerics),
  float: viaText(compareFloats),
  bytes: compareBytes,
  boolean: compareRaw, // f before t
  timestamp: viaText(compareTimes),
  date: viaText(compareTimes),
}

const MINUS = 45
const BACKSLASH = 92

function compareRaw (a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): number {
  const common = Math.min(aEnd - aStart, bEnd - bStart)
  for (let i = 0; i < common; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!
    if (difference !== 0) return difference
  }
  return (aEnd - aStart) - (bEnd - bStart)
}

/** Whole numbers without leading zeros, of any length. */
function compareIntegers (a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): number {
  const negative = a[aStart] === MINUS
  if (negative !== (b[bStart] === MINUS)) return negative ? -1 : 1
  const magnitude = (aEnd - aStart) - (bEnd - bStart) || compareRaw(a, aStart, aEnd, b, bStart, bEnd)
  return negative ? 0 - magnitude : magnitude
}

/** As far as both are the same without a backslash they need not be unescaped: mostly up to where they differ. */
function compareBytes (a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): number {
  const common = Math.min(aEnd - aStart, bEnd - bStart)
  for (let i = 0; i < common; i++) {
    const left = a[aStart + i]!, right = b[bStart + i]!
    if (left === BACKSLASH || right === BACKSLASH) return Buffer.compare(unescapeValue(a.subarray(aStart + i, aEnd)), unescapeValue(b.subarray(bStart + i, bEnd)))
    if (left !== right) return left - right
  }
  return (aEnd - aStart) - (bEnd - bStart)
}

function enumOrder (labels: readonly string[]): CompareValues {
  const positions = new Map(labels.map((label, position) => [label, position]))
  const position = (bytes: Uint8Array, start: number, end: number): number => {
    const label = Buffer.from(unescapeValue(bytes.subarray(start, end))).toString('utf8')
    const found = positions.get(label)
    if (found === undefined) throw new BackupError('NODE_INVALID', `a key has the label ${JSON.stringify(label)}, which its enum has not`, { data: { label } })
    return found
  }
  return (a, aStart, aEnd, b, bStart, bEnd) => position(a, aStart, aEnd) - position(b, bStart, bEnd)
}

function viaText (compare: (a: string, b: string) => number): CompareValues {
  const read = (bytes: Uint8Array, start: number, end: number): string => Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
  return (a, aStart, aEnd, b, bStart, bEnd) => compare(read(a, aStart, aEnd), read(b, bStart, bEnd))
}

function compareTexts (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function compareNumbers (a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** NaN equals itself and comes last, as PostgreSQL has it; -0 equals 0. */
function compareFloats (a: string, b: string): number {
  const [left, right] = [Number(a), Number(b)]
  return compareNumbers(Number(Number.isNaN(left)), Number(Number.isNaN(right))) || compareNumbers(left, right)
}

function compareNumerics (a: string, b: string): number {
  const [left, right] = [special(a), special(b)]
  if (left !== 0 || right !== 0) return left - right
  const negative = a.startsWith('-')
  if (negative !== b.startsWith('-')) return isZero(a) && isZero(b) ? 0 : negative ? -1 : 1
  const magnitude = compareDecimals(negative ? a.slice(1) : a, negative ? b.slice(1) : b)
  return negative ? 0 - magnitude : magnitude
}

/** Where the values beside the numbers stand: before them, after them, last; 0 for a number. */
function special (text: string): number {
  return text === '-Infinity' ? -1 : text === 'Infinity' ? 1 : text === 'NaN' ? 2 : 0
}

function isZero (text: string): boolean {
  return /^-?[0.]*$/.test(text)
}

/** Unsigned decimals without exponent. 1.5 equals 1.50. */
function compareDecimals (a: string, b: string): number {
  const [aWhole = '', aPart = ''] = a.split('.')
  const [bWhole = '', bPart = ''] = b.split('.')
  return aWhole.length - bWhole.length || compareTexts(aWhole, bWhole)
    || compareTexts(aPart.replace(/0+$/, ''), bPart.replace(/0+$/, ''))
}

/** ISO times of one zone: `infinity`, years of more than four digits and ` BC` as PostgreSQL writes them. */
function compareTimes (a: string, b: string): number {
  return compareNumbers(year(a), year(b)) || compareTexts(rest(a), rest(b))
}

function year (text: string): number {
  if (text === 'infinity') return Infinity
  if (text === '-infinity') return -Infinity
  const digits = Number(text.slice(0, text.indexOf('-')))
  return text.endsWith(' BC') ? -digits : digits
}

function rest (text: string): string {
  return text.slice(text.indexOf('-'))
}
