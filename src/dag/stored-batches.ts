import { NEWLINE } from '../chunking/copy-text.ts'
import type { RowBatch, ValueReference } from '../chunking/row-splitter.ts'
import { findReference, parseReference, valueEndAt } from '../chunking/value-reference.ts'
import { parseCid } from './block.ts'

/** Whole rows as they are stored, as a splitter gives them. @throws {BackupError} `BLOCK_INVALID`, `TREE_INVALID` for broken references */
export async function * rowBatches (rows: Uint8Array): AsyncGenerator<RowBatch> {
  if (findReference(rows) < 0) yield { bytes: rows, ends: endsOf(rows), values: [] }
  else yield * singleRows(rows)
}

function endsOf (rows: Uint8Array): number[] {
  const ends: number[] = []
  for (let at = rows.indexOf(NEWLINE); at >= 0; at = rows.indexOf(NEWLINE, at + 1)) ends.push(at + 1)
  return ends
}

function * singleRows (rows: Uint8Array): Generator<RowBatch> {
  let start = 0
  for (const end of endsOf(rows)) {
    const bytes = rows.subarray(start, end)
    yield { bytes, ends: [bytes.length], values: [...references(bytes)] }
    start = end
  }
}

function * references (row: Uint8Array): Generator<ValueReference> {
  for (let at = findReference(row); at >= 0; at = findReference(row, at + 1)) {
    const reference = parseReference(row.subarray(at, valueEndAt(row, at)))!
    parseCid(reference.text, 'a row')
    yield reference
  }
}
