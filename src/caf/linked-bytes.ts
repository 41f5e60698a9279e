import { hash } from 'node:crypto'
import type { PieceReader } from '../chunking/piece-reader.ts'
import type { BlobReader } from '../cas/blob-store.ts'
import type { CID } from '../dag/block.ts'
import { addressOf, isChunk } from '../dag/block.ts'
import { readEntries } from '../dag/tree-reader.ts'
import type { AbortOptions } from '../stream.ts'
import type { PutsAhead } from './puts-ahead.ts'

/** A chunk is a blob, and none is larger. (format.md § Limits) */
export const CHUNK_LIMIT_BYTES = 16 * 1024 * 1024

/** Where blocks are read and chunks are put. */
export interface LinkedBlobs extends Pick<BlobReader, 'get'> {
  readonly chunks: Pick<PutsAhead, 'put'>
}

/**
 * Cuts a stream at the borders that the `bytes` tree `root` records and puts the chunks. False as soon as the bytes turn out not to be those
 * that the tree links to; the rest is then unread. Only chunks that hash to a link are put. Needs the tree's blocks in `blobs`, but no cut rule:
 * it works for trees cut by any repository.
 * @throws {BackupError} `BLOB_MISSING`, `TREE_INVALID` when the tree cannot be read
 */
export async function putLinked (root: CID, source: PieceReader, blobs: LinkedBlobs, { signal }: AbortOptions = {}): Promise<boolean> {
  if (isChunk(root)) {
    const bytes = await take(source, CHUNK_LIMIT_BYTES)
    return await source.peek() === undefined && await putChunk(root, bytes, blobs, { signal })
  }
  for await (const { link, size } of readEntries(root, blobs, { form: 'bytes', signal })) {
    if (size > CHUNK_LIMIT_BYTES || !await putChunk(link, await take(source, size), blobs, { signal })) return false
  }
  return await source.peek() === undefined
}

/** Puts `bytes`, whose memory is given up, if they are what `link` links to. */
export async function putChunk (link: CID, bytes: Uint8Array, { chunks }: Pick<LinkedBlobs, 'chunks'>, { signal }: AbortOptions = {}): Promise<boolean> {
  if (!isChunk(link) || hash('sha256', bytes, 'hex') !== addressOf(link)) return false
  await chunks.put(bytes, { kind: 'chunk', signal })
  return true
}

/** The next `length` bytes, or all that there are. */
async function take (source: PieceReader, length: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let missing = length
  for (let piece = await source.peek(); piece !== undefined && missing > 0; piece = await source.peek()) {
    const part = piece.subarray(0, missing)
    pieces.push(Buffer.from(part))
    missing -= part.length
    source.skip(part.length)
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}
