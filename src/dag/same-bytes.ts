import { createHash } from 'node:crypto'
import { PieceReader } from '../chunking/piece-reader.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import type { CID } from './block.ts'
import { addressOf, isChunk } from './block.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource } from './tree-reader.ts'
import { readEntries } from './tree-reader.ts'

/**
 * True if `bytes` are the stored stream `root`, a tree or its only chunk. The tree says how long each chunk is and what it hashes to, so that nothing is
 * cut, and of the repository only the tree is read.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`, and what `bytes` throw
 */
export async function sameBytes (bytes: Bytes, root: CID, blobs: BlobSource, options: AbortOptions = {}): Promise<boolean> {
  if (isChunk(root)) return await digestOf(bytes) === addressOf(root)
  const pieces = new PieceReader(bytes, options)
  try {
    for await (const entry of readEntries(root, blobs, { ...options, form: 'bytes' })) if (!await continuesWith(pieces, entry)) return false
    return await pieces.peek() === undefined
  } finally {
    await pieces.close()
  }
}

/** True if the next bytes are the entry's chunk. */
export async function continuesWith (pieces: PieceReader, { link, size }: Pick<TreeEntry, 'link' | 'size'>): Promise<boolean> {
  const hash = createHash('sha256')
  for (let left = size; left > 0;) {
    const piece = await pieces.peek()
    if (piece === undefined) return false
    const part = piece.length > left ? piece.subarray(0, left) : piece
    hash.update(part)
    pieces.skip(part.length)
    left -= part.length
  }
  return hash.digest('hex') === addressOf(link)
}

async function digestOf (bytes: Bytes): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}
