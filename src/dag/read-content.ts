import { NEWLINE } from '../chunking/copy-text.ts'
import type { ValueReference } from '../chunking/row-splitter.ts'
import { expandRows } from '../chunking/value-reference.ts'
import { BackupError } from '../errors.ts'
import type { FileEntry } from '../sources/source.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import type { CID } from './block.ts'
import { isChunk, parseCid, readBlob } from './block.ts'
import { readFileRow } from './file-row.ts'
import { mapInOrder } from '../cas/in-order.ts'
import type { KeyRange } from './key-range.ts'
import { keyRange } from './key-range.ts'
import { sameBytes } from './same-bytes.ts'
import { giveBack } from './spent-pieces.ts'
import type { StoredRows } from './stored-content.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource, RowSpan } from './tree-reader.ts'
import { readEntries } from './tree-reader.ts'

export interface ReadOptions extends AbortOptions {
  /**
   * Chunks fetched ahead.
   * @default 4
   */
  readonly readAhead?: number
}

const DEFAULT_READ_AHEAD = 4

/**
 * A `bytes` content as a stream; `root` is a tree or the only chunk.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`, before any byte of the damaged chunk.
 */
export async function * readBytes (root: CID, blobs: BlobSource, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
  if (isChunk(root)) {
    yield await readBlob(blobs, root, options)
    return
  }
  for await (const { entry, bytes } of readChunks(readEntries(root, blobs, { ...options, form: 'bytes' }), blobs, options)) {
    if (bytes.length !== entry.size) throw new BackupError('TREE_INVALID', `chunk ${entry.link} has ${bytes.length} bytes, its tree says ${entry.size}`, { data: { cid: entry.link.toString() } })
    yield bytes
  }
}

/** A chunk of rows as it is stored: values out of line are references. */
export interface RowsChunk {
  readonly entry: TreeEntry
  readonly bytes: Uint8Array
}

export interface ReadRowsOptions extends ReadOptions, KeyRange {
  /** Only the chunks that begin within these rows. */
  readonly within?: RowSpan | undefined
}

/** The chunks of a `rows` tree that may hold rows of the range, in order. */
export function readRowChunks (content: StoredRows, blobs: BlobSource, options: ReadRowsOptions = {}): AsyncGenerator<RowsChunk> {
  const { covers, isBefore } = keyRange(content.key, options)
  const entries = async function * (): AsyncGenerator<TreeEntry> {
    for await (const entry of readEntries(content.root, blobs, { signal: options.signal, form: 'rows', skipBefore: isBefore, within: options.within })) {
      if (entry.key !== undefined && covers(entry.key) > 0) return
      yield entry
    }
  }
  return readChunks(entries(), blobs, options)
}

/**
 * Rows as COPY text with the values out of line put in; with `from` and `to` (both inclusive) only rows whose key is between
 * them. For `files` the rows of its entries, whose contents stay references.
 * @throws {BackupError} `INVALID_OPTION` for a range of rows without a key, and what {@link readBytes} throws.
 */
export async function * readRows (content: StoredRows, blobs: BlobSource, options: ReadRowsOptions = {}): AsyncGenerator<Uint8Array> {
  const { trim } = keyRange(content.key, options)
  for await (const { entry, bytes } of readRowChunks(content, blobs, options)) {
    const rows = trim(bytes)
    if (entry.refs !== undefined && content.form === 'rows') yield * expanded(rows, blobs, options)
    else if (rows.length > 0) yield rows
  }
}

/** The rows of one chunk of a table, with their values put in. */
export async function * expandedChunk ({ link }: Pick<TreeEntry, 'link'>, blobs: BlobSource, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
  yield * expanded(await readBlob(blobs, link, options), blobs, options)
}

function expanded (rows: Uint8Array, blobs: BlobSource, options: ReadOptions): AsyncGenerator<Uint8Array> {
  const readValue = ({ text }: { readonly text: string }): AsyncGenerator<Uint8Array> => readBytes(parseCid(text, 'a row'), blobs, options)
  return expandRows(rows, { readValue, signal: options.signal })
}

/** The entries of a `files` content; what their `read` gives is verified. */
export async function * readFiles (content: StoredRows, blobs: BlobSource, options: ReadOptions = {}): AsyncGenerator<FileEntry> {
  for await (const { bytes } of readRowChunks(content, blobs, options)) {
    for (let start = 0, end; start < bytes.length; start = end) {
      end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length
      const { entry, content: file } = readFileRow(bytes.subarray(start, end))
      yield entry.type === 'file' ? { ...entry, ...storedFile(file, blobs) } : entry
    }
  }
}

/** What a restorer does with a file's content; undefined of one that is empty. */
function storedFile (file: ValueReference | undefined, blobs: BlobSource): Required<Pick<FileEntry, 'read' | 'equals'>> {
  if (file === undefined) return { read: noBytes, equals: isEmpty }
  const root = (): CID => parseCid(file.text, 'a row of a folder tree') // most entries are looked at more often than their bytes
  return {
    read: readOptions => giveBack(readBytes(root(), blobs, readOptions)),
    equals: async (bytes, readOptions) => await sameBytes(bytes, root(), blobs, readOptions),
  }
}

async function * readChunks (entries: AsyncIterable<TreeEntry>, blobs: BlobSource, { signal, readAhead = DEFAULT_READ_AHEAD }: ReadOptions): AsyncGenerator<RowsChunk> {
  yield * mapInOrder(entries, readAhead, async entry => {
    signal?.throwIfAborted()
    return { entry, bytes: await readBlob(blobs, entry.link, { signal }) }
  })
}

async function * noBytes (): AsyncGenerator<Uint8Array> {
  // an empty file
}

async function isEmpty (bytes: Bytes): Promise<boolean> {
  for await (const piece of bytes) if (piece.length > 0) return false
  return true
}
