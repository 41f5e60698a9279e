import type { BlobReader } from '../cas/blob-store.ts'
import { sameContent } from '../dag/content.ts'
import { readBytes, readFiles, readRows } from '../dag/read-content.ts'
import type { NodeBlock } from '../dag/node.ts'
import { BackupError } from '../errors.ts'
import type { RestoreItem } from '../sources/source.ts'

export interface RestoreItemOptions {
  readonly blobs: BlobReader
  readonly seed: Uint8Array
  readonly chunker: { readonly min: number, readonly average: number, readonly max: number }
}

/** A node as a restorer gets it: every byte it reads has been hashed against its address. */
export function restoreItem (node: NodeBlock, { blobs, seed, chunker }: RestoreItemOptions): RestoreItem {
  const { content } = node
  return {
    id: node.id,
    kind: node.artifact,
    deps: node.deps,
    attributes: node.attributes,
    sizeBytes: content.size,
    rows: content.form === 'bytes' ? 0 : content.count,
    ...(content.form === 'rows' ? { layout: { columns: content.columns ?? [], key: content.key ?? [] } } : {}),
    read (options = {}) {
      if (content.form === 'files') throw new BackupError('INVALID_OPTION', `${node.id} is a folder tree: read its entries`)
      return content.form === 'rows' ? readRows(content, blobs, options) : readBytes(content.root, blobs, options)
    },
    entries (options = {}) {
      if (content.form !== 'files') throw new BackupError('INVALID_OPTION', `${node.id} is no folder tree`)
      return readFiles(content, blobs, options)
    },
    async matches (other, options = {}) {
      return await sameContent(other, content, node.hash, { seed, chunker, ...options })
    },
  }
}
