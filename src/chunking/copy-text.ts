import { BackupError } from '../errors.ts'

/** The bytes that COPY text gives a meaning of their own. */
export const TAB = 9
export const NEWLINE = 10
export const BACKSLASH = 92

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' }
const UNESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const PLAIN: Readonly<Record<number, number>> = { 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9, 0x76: 11 }

/** A value as COPY writes it; `\N` for null. */
export function escapeValue (value: string | null): string {
  return value === null ? '\\N' : value.replace(/[\\\b\f\n\r\t\v]/g, char => ESCAPED[char]!)
}

/** The bytes that a value of COPY text stands for. The value must not be `\N`. */
export function unescapeValue (text: Uint8Array): Uint8Array {
  if (!text.includes(BACKSLASH)) return text
  const plain = Buffer.allocUnsafe(text.length)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    let byte = text[at]!
    if (byte === BACKSLASH) {
      byte = text[++at] ?? BACKSLASH
      byte = PLAIN[byte] ?? byte
    }
    plain[length++] = byte
  }
  return plain.subarray(0, length)
}

/** The value as a string; null for `\N`. */
export function readValue (text: Uint8Array): string | null {
  if (text.length === 2 && text[0] === BACKSLASH && text[1] === 0x4e) return null
  return Buffer.from(unescapeValue(text)).toString('utf8')
}

/** As {@link readValue}, of a value that is text already. */
export function readText (text: string): string | null {
  if (text === '\\N') return null
  return text.includes('\\') ? text.replace(/\\([^]?)/g, (_, char: string) => char === '' ? '\\' : UNESCAPED[char] ?? char) : text
}

/** The values of one row, escaped as they stand; its newline may be left out. */
export function splitRow (row: Uint8Array): Uint8Array[] {
  const end = row.at(-1) === NEWLINE ? row.length - 1 : row.length
  const values: Uint8Array[] = []
  for (let start = 0; ;) {
    const tab = row.indexOf(TAB, start)
    values.push(row.subarray(start, tab < 0 ? end : tab))
    if (tab < 0) return values
    start = tab + 1
  }
}

/**
 * The offset at which the first `columns` values of the row `bytes[start, end)` end (a tab or the row's newline).
 * @throws {BackupError} `SOURCE_FAILED` when the row has fewer values.
 */
export function keyEnd (bytes: Uint8Array, start: number, end: number, columns: number): number {
  let missing = columns
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if ((byte === TAB || byte === NEWLINE) && --missing === 0) return at
  }
  throw new BackupError('SOURCE_FAILED', `a row has fewer values than the key's ${columns} columns`, { data: { columns } })
}
