import { keyEnd, NEWLINE } from '../../chunking/copy-text.ts'
import type { CompareKeys } from '../../chunking/row-chunker.ts'
import { findReference, parseReference, valueEndAt } from '../../chunking/value-reference.ts'
import { readFileRow } from '../../dag/file-row.ts'
import type { CID } from '../../dag/block.ts'
import { spanOf } from '../../dag/key-order.ts'
import { PackedLinks } from '../../dag/links.ts'
import type { TreeEntry } from '../../dag/tree.ts'
import { BackupError } from '../../errors.ts'

export interface RowLayout {
  readonly form: 'rows' | 'files'
  /** 0 for rows without a key. */
  readonly keyColumns: number
  readonly compare: CompareKeys
}

/** A value out of line. */
export interface LinkedValue {
  /** As it stands in the rows. */
  readonly text: string
  readonly length: number
  readonly root: CID
}

/** What a chunk of rows turned out to hold. */
export interface RowChunkFacts {
  /** Offset after each row. */
  readonly ends: readonly number[]
  /** Values out of line, without repeats. */
  readonly values: readonly LinkedValue[]
  /** Key of the last row; undefined for rows without a key. */
  readonly lastKey: Uint8Array | undefined
}

/**
 * Compares a chunk of rows with what its tree says of it: rows, sizes, first key, order of the keys, values out of line.
 * @throws {BackupError} `TREE_INVALID` naming the chunk
 */
export function verifyRowChunk (bytes: Uint8Array, entry: TreeEntry, layout: RowLayout): RowChunkFacts {
  const invalid: Invalid = why => new BackupError('TREE_INVALID', `chunk ${entry.link} ${why}`, { data: { cid: entry.link.toString() } })
  const ends = rowEnds(bytes, invalid)
  if (ends.length !== entry.count) throw invalid(`has ${ends.length} rows, its tree says ${entry.count}`)
  const values = valuesIn(bytes, entry, invalid)
  const lastKey = layout.keyColumns === 0 ? undefined : verifyKeys(bytes, ends, entry, layout, invalid)
  if (layout.keyColumns === 0 && entry.key !== undefined) throw invalid('has a key in its tree, but its rows have none')
  if (layout.form === 'files') verifyFileRows(bytes, ends, invalid)
  return { ends, values, lastKey }
}

type Invalid = (why: string) => BackupError

function rowEnds (bytes: Uint8Array, invalid: Invalid): number[] {
  if (bytes.at(-1) !== NEWLINE) throw invalid('does not end with the end of a row')
  const ends: number[] = []
  for (let end = 0; end < bytes.length;) {
    end = bytes.indexOf(NEWLINE, end) + 1
    ends.push(end)
  }
  return ends
}

function valuesIn (bytes: Uint8Array, entry: TreeEntry, invalid: Invalid): LinkedValue[] {
  const lengths = new Map<string, number>()
  let size = bytes.length
  for (let at = findReference(bytes), end; at >= 0; at = findReference(bytes, end)) {
    end = valueEndAt(bytes, at)
    const { text, length } = parseReference(bytes.subarray(at, end))!
    size += length - (end - at)
    if ((lengths.get(text) ?? length) !== length) throw invalid(`gives the value ${text} two lengths`)
    lengths.set(text, length)
  }
  if (size !== entry.size) throw invalid(`has ${size} bytes with its values, its tree says ${entry.size}`)
  const links = PackedLinks.of(entry.refs ?? [])
  if (lengths.size !== links.length || ![...lengths.keys()].every((text, index) => links.isAt(index, text))) throw invalid('has other values out of line than its tree says')
  return Array.from(lengths, ([text, length], index) => ({ text, length, root: links.at(index) }))
}

function verifyKeys (bytes: Uint8Array, ends: readonly number[], entry: TreeEntry, { keyColumns, compare }: RowLayout, invalid: Invalid): Uint8Array {
  // Two places in turn, so that a row allocates nothing.
  let [last, key] = [{ bytes, start: 0, end: -1 }, { bytes, start: 0, end: 0 }]
  let start = 0
  for (const end of ends) {
    key.start = start
    key.end = keyEndIn(bytes, start, end, keyColumns, invalid)
    if (last.end >= 0 && !(compare(last, key) < 0)) throw invalid('has rows that do not ascend in their key')
    const before = last
    last = key
    key = before
    start = end
  }
  const first = bytes.subarray(0, keyEndIn(bytes, 0, ends[0]!, keyColumns, invalid))
  if (entry.key === undefined || Buffer.compare(first, entry.key) !== 0) throw invalid('begins with another key than its tree says')
  return bytes.subarray(last.start, last.end)
}

/** True if rows that begin with `key` may follow rows that end with `last`. */
export function keysAscend (last: Uint8Array | undefined, key: Uint8Array | undefined, { compare }: RowLayout): boolean {
  return last === undefined || key === undefined || compare(spanOf(last), spanOf(key)) < 0
}

function keyEndIn (bytes: Uint8Array, start: number, end: number, columns: number, invalid: Invalid): number {
  try {
    return keyEnd(bytes, start, end, columns)
  } catch {
    throw invalid(`has a row with fewer values than the key's ${columns} columns`)
  }
}

function verifyFileRows (bytes: Uint8Array, ends: readonly number[], invalid: Invalid): void {
  let start = 0
  for (const end of ends) {
    const { entry, content } = readFileRow(bytes.subarray(start, end))
    if (entry.type === 'file' && entry.sizeBytes !== (content?.length ?? 0)) throw invalid(`says that the file ${JSON.stringify(entry.path)} has ${entry.sizeBytes} bytes, its content has ${content?.length ?? 0}`)
    start = end
  }
}
