import { NEWLINE } from '../chunking/copy-text.ts'
import type { RowBatch, ValueReference } from '../chunking/row-splitter.ts'
import { findReference, parseReference, valueEndAt } from '../chunking/value-reference.ts'
import { parseCid } from './block.ts'
import type { ReadOptions } from './read-content.ts'
import { readBytes, readRowChunks } from './read-content.ts'
import type { StoredRows } from './stored-content.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource } from './tree-reader.ts'

/**
 * Stored rows as a splitter gives them, to be stored again. The values out of line are read as well, so that none is taken over that is lost.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`
 */
export async function * readStoredRows (content: StoredRows, blobs: BlobSource, options: ReadOptions = {}): AsyncGenerator<RowBatch> {
  for await (const { entry, bytes } of readRowChunks(content, blobs, options)) {
    if (entry.refs === undefined) yield { bytes, ends: endsOf(bytes), values: [] }
    else {
      await readValues(entry, blobs, options)
      yield * singleRows(bytes)
    }
  }
}

function endsOf (rows: Uint8Array): number[] {
  const ends: number[] = []
  for (let at = rows.indexOf(NEWLINE); at >= 0; at = rows.indexOf(NEWLINE, at + 1)) ends.push(at + 1)
  return ends
}

async function readValues ({ refs = [] }: TreeEntry, blobs: BlobSource, options: ReadOptions): Promise<void> {
  for (const value of refs) {
    for await (const _ of readBytes(value, blobs, options)); // reading verifies
  }
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
