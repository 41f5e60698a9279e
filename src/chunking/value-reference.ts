import { BackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { BACKSLASH, NEWLINE, TAB } from './copy-text.ts'
import type { ValueReference } from './row-splitter.ts'

const MARK = Buffer.from('\\@')

/** What stands in a row for a value out of line: `\@<text>:<length>`, which COPY never writes. */
export function referenceText ({ text, length }: ValueReference): string {
  return `\\@${text}:${length}`
}

/** The reference that `value` is, or undefined when it is a value. @throws {BackupError} `TREE_INVALID` */
export function parseReference (value: Uint8Array): ValueReference | undefined {
  if (value[0] !== BACKSLASH || value[1] !== MARK[1]) return undefined
  return readReference(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'))
}

/** The same of a value that is text. @throws {BackupError} `TREE_INVALID` */
export function readReference (value: string): ValueReference | undefined {
  if (!value.startsWith('\\@')) return undefined
  const colon = value.indexOf(':')
  const length = value.slice(colon + 1)
  if (colon < 3 || !/^(0|[1-9][0-9]{0,14})$/.test(length)) throw new BackupError('TREE_INVALID', `a row has a broken reference ${value.slice(0, 100)}`)
  return { text: value.slice(2, colon), length: Number(length) }
}

/** Offset of the next reference in whole rows, from `from` on; -1 when there is none. References fill a value: an escaped backslash before an `@` is none. */
export function findReference (rows: Uint8Array, from = 0): number {
  const view = Buffer.from(rows.buffer, rows.byteOffset, rows.length)
  for (let at = view.indexOf(MARK, from); at >= 0; at = view.indexOf(MARK, at + 1)) {
    if (at === 0 || view[at - 1] === TAB || view[at - 1] === NEWLINE) return at
  }
  return -1
}

/** Offset after the value that begins at `start`. */
export function valueEndAt (rows: Uint8Array, start: number): number {
  let at = start
  while (at < rows.length && rows[at] !== TAB && rows[at] !== NEWLINE) at++
  return at
}

export interface ExpandOptions extends AbortOptions {
  /** Reads a value that is out of line. */
  readonly readValue: (reference: ValueReference) => Bytes
}

/** Whole rows with their values put in: plain COPY text. @throws {BackupError} `TREE_INVALID` when a value has not its length. */
export async function * expandRows (rows: Uint8Array, { readValue, signal }: ExpandOptions): AsyncGenerator<Uint8Array> {
  let start = 0
  for (let at = findReference(rows); at >= 0; at = findReference(rows, start)) {
    signal?.throwIfAborted()
    if (at > start) yield rows.subarray(start, at)
    start = valueEndAt(rows, at)
    const reference = parseReference(rows.subarray(at, start))!
    let length = 0
    for await (const piece of readValue(reference)) {
      length += piece.length
      yield piece
    }
    if (length !== reference.length) throw new BackupError('TREE_INVALID', `value ${reference.text} has ${length} bytes, its row says ${reference.length}`, { data: { value: reference.text } })
  }
  if (start < rows.length) yield rows.subarray(start)
}
