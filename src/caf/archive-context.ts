import type { BlobReader } from '../cas/blob-store.ts'
import type { StoredRows } from '../dag/content.ts'
import type { NodeBlock } from '../dag/node.ts'
import { readBytes, readRows } from '../dag/read-content.ts'
import { giveBack } from '../dag/spent-pieces.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { bytesOf } from '../stream.ts'
import type { EntryNames } from './entry-names.ts'
import type { ZipSource } from './zip-writer.ts'

/** What the parts of an archive share while they are written. */
export interface ArchiveContext extends AbortOptions {
  /** Each array it gives is the caller's own. */
  readonly blobs: Pick<BlobReader, 'get'>
  readonly names: EntryNames
  /** Records where a node's content is: the whole entry, or from `offset` on. */
  readonly place: (node: NodeBlock, entry: string, offset?: number) => void
}

/** The content of a `bytes` node as an entry. */
export function bytesEntry (node: NodeBlock, path: string, { blobs, signal, place }: ArchiveContext): ZipSource {
  place(node, path)
  return { path, method: 'deflate', read: () => giveBack(readBytes(node.content.root, blobs, { signal })) }
}

/** The rows of a node as an entry of COPY text. */
export function rowsEntry (node: NodeBlock, path: string, { blobs, signal, place }: ArchiveContext): ZipSource {
  place(node, path)
  return { path, method: 'deflate', read: () => giveBack(readRows(rowsOf(node), blobs, { signal })) }
}

/** An entry that is made for the archive. */
export function textEntry (path: string, text: string): ZipSource {
  return { path, method: 'store', read: () => bytesOf(text) }
}

/** @throws {BackupError} `NODE_INVALID` */
export function rowsOf ({ id, content }: NodeBlock): StoredRows {
  if (content.form === 'bytes') throw new BackupError('NODE_INVALID', `node ${id} has bytes where rows are expected`, { data: { id } })
  return content
}

/** A text member of a node's attributes; empty when there is none. */
export function textOf ({ attributes }: NodeBlock, member: string): string {
  const value = attributes[member]
  return typeof value === 'string' ? value : ''
}
