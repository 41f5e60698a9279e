import { PieceReader } from '../chunking/piece-reader.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { expandedChunk } from './read-content.ts'
import { continuesWith } from './same-bytes.ts'
import type { StoredRows } from './stored-content.ts'
import type { BlobSource, RowSpan } from './tree-reader.ts'
import { readEntries } from './tree-reader.ts'

/**
 * True if `bytes` are the stored rows' COPY text, row for row in the stored order; with `within` that of the chunks that begin within these rows. The tree says how long each chunk is and what it hashes to, so that
 * no row is looked at and of the repository only the tree is read, and those chunks that have values out of line. `bytes` are read to their end.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`, and what `bytes` throw
 */
export async function sameRows (bytes: Bytes, content: StoredRows, blobs: BlobSource, options: AbortOptions & { readonly within?: RowSpan } = {}): Promise<boolean> {
  const pieces = new PieceReader(bytes, options)
  try {
    for await (const entry of readEntries(content.root, blobs, { ...options, form: 'rows' })) {
      const same = entry.refs === undefined ? await continuesWith(pieces, entry) : await areNext(pieces, expandedChunk(entry, blobs, options))
      if (same) continue
      await skipAll(pieces)
      return false
    }
    return await skipAll(pieces) === 0
  } finally {
    await pieces.close()
  }
}

/** True if the next bytes are those of `wanted`. */
async function areNext (pieces: PieceReader, wanted: Bytes): Promise<boolean> {
  for await (const part of wanted) {
    for (let at = 0; at < part.length;) {
      const piece = await pieces.peek()
      if (piece === undefined) return false
      const length = Math.min(piece.length, part.length - at)
      if (Buffer.compare(piece.subarray(0, length), part.subarray(at, at + length)) !== 0) return false
      pieces.skip(length)
      at += length
    }
  }
  return true
}

/** How many bytes there were. */
async function skipAll (pieces: PieceReader): Promise<number> {
  let length = 0
  for (let piece = await pieces.peek(); piece !== undefined; piece = await pieces.peek()) {
    length += piece.length
    pieces.skip(piece.length)
  }
  return length
}
