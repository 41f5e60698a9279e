import type { BlobReader } from '../cas/blob-store.ts'
import { sameContent } from '../dag/content.ts'
import { readBytes, readFiles, readRows } from '../dag/read-content.ts'
import type { NodeBlock } from '../dag/node.ts'
import type { StoredRows } from '../dag/stored-content.ts'
import { rowParts } from '../dag/row-parts.ts'
import { sameRows } from '../dag/same-rows.ts'
import { giveBack } from '../dag/spent-pieces.ts'
import { sameLayout } from '../dag/store-rows.ts'
import { BackupError } from '../errors.ts'
import type { FileEntry, ItemPart, RestoreItem } from '../sources/source.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { isDamage } from './damage.ts'

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
      return namingNode(node, giveBack(content.form === 'rows' ? readRows(content, blobs, options) : readBytes(content.root, blobs, options)))
    },
    entries (options = {}) {
      if (content.form !== 'files') throw new BackupError('INVALID_OPTION', `${node.id} is no folder tree`)
      return namingEntries(node, readFiles(content, blobs, options))
    },
    ...(content.form === 'rows' ? { parts: async options => await itemParts(node, content, { blobs, ...options }) } : {}),
    async equals (bytes, options = {}) {
      if (content.form === 'rows') return await sameRows(bytes, content, blobs, options)
      return await sameContent({ form: 'bytes', read: () => bytes }, content, node.hash, { seed, chunker, ...options })
    },
    async matches (other, options = {}) {
      const isSorted = content.form === 'rows' && content.key.length > 0 // then equal rows come as equal bytes
      if (isSorted && other.form === 'rows') return sameLayout(other.layout, content) && await sameRows(other.read(options), content, blobs, options)
      return await sameContent(other, content, node.hash, { seed, chunker, ...options })
    },
  }
}

async function itemParts (node: NodeBlock, content: StoredRows, { blobs, count, signal }: AbortOptions & { readonly blobs: BlobReader, readonly count: number }): Promise<ItemPart[]> {
  return (await rowParts(content, blobs, { count, signal })).map(({ fromKey, toKey, ...within }) => ({
    ...(fromKey !== undefined && { fromKey }),
    ...(toKey !== undefined && { toKey }),
    read: (options = {}) => namingNode(node, giveBack(readRows(content, blobs, { ...options, within }))),
    equals: async (bytes, options = {}) => await sameRows(bytes, content, blobs, { ...options, within }),
  }))
}

/** The stream; when stored bytes turn out to be damaged, the error says whose they are. */
async function * namingNode (node: NodeBlock, bytes: Bytes): AsyncGenerator<Uint8Array> {
  try {
    yield * bytes
  } catch (error) {
    throw isDamage(error) ? nodeDamaged(node, error) : error
  }
}

async function * namingEntries (node: NodeBlock, entries: AsyncIterable<FileEntry>): AsyncGenerator<FileEntry> {
  try {
    for await (const entry of entries) {
      const { read } = entry
      yield read === undefined ? entry : { ...entry, read: options => namingNode(node, read(options)) }
    }
  } catch (error) {
    throw isDamage(error) ? nodeDamaged(node, error) : error
  }
}

/** The error for a node whose stored bytes are lost. */
export function nodeDamaged ({ id }: NodeBlock, damage: BackupError): BackupError {
  const message = `the stored bytes of ${id} are damaged (${damage.message}) and no recipe can make them again; nothing was changed. Try \`caf repair\`, another snapshot, or a selective restore without it`
  return new BackupError('NODE_INVALID', message, { data: { id, ...damage.data }, cause: damage })
}
