import { PieceReader } from '../chunking/piece-reader.ts'
import type { BlobWriter } from '../cas/blob-store.ts'
import type { CID } from '../dag/block.ts'
import type { StoredBytes, StoredRows } from '../dag/content.ts'
import type { Links } from '../dag/links.ts'
import type { NodeBlock } from '../dag/node.ts'
import { giveBack } from '../dag/spent-pieces.ts'
import { Tap } from '../dag/store-bytes.ts'
import type { SnapshotBlock } from '../dag/snapshot.ts'
import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { bytesAt, entryOf } from './archive-content.ts'
import type { ArchiveProgress } from './archive-progress.ts'
import type { ArchiveReader } from './archive-reader.ts'
import { StorageNames } from './entry-names.ts'
import { putLinked } from './linked-bytes.ts'
import type { LinkedBlobs } from './linked-bytes.ts'
import { putLinkedRows } from './linked-rows.ts'
import type { ManifestNode } from './manifest.ts'
import { PutsAhead } from './puts-ahead.ts'
import { loadSnapshot } from './snapshot-nodes.ts'
import { fileRows, folderOfTable } from './storage-entries.ts'

export interface ImportArchiveOptions extends AbortOptions {
  readonly archive: ArchiveReader
  /** Must give back what was put. */
  readonly blobs: Pick<BlobWriter, 'put' | 'get' | 'flush'>
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined
}

export interface ImportedSnapshot {
  /** The same CID as in the repository that the archive came from. */
  readonly root: CID
  readonly snapshot: SnapshotBlock
  readonly nodes: number
  /** Plain bytes of all contents. */
  readonly sizeBytes: number
}

/**
 * Puts the archive's blocks and, cut where those say, every chunk, and verifies all of it on the way; flushes. When it returns, everything below the root
 * is there and was compared with its CID. Nothing becomes visible: committing the root is the caller's affair. What a refused archive has put by then is
 * what its own blocks link to, and garbage.
 * @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_INVALID`, `ARCHIVE_TOO_LARGE`, `FORMAT_UNKNOWN`, and what `blobs` throws
 */
export async function importArchive ({ archive, blobs, signal, onProgress }: ImportArchiveOptions): Promise<ImportedSnapshot> {
  await archive.verifySeal({ signal })
  for await (const { bytes } of archive.blocks({ signal })) await blobs.put(bytes, { signal })
  const { root, snapshot, nodes } = await loadSnapshot(archive.root, blobs, { signal })
  const totalBytes = nodes.reduce((sum, { node }) => sum + node.content.size, 0)
  const chunks = new PutsAhead(blobs)
  let doneBytes = 0
  try {
    for (const { node } of nodes) {
      signal?.throwIfAborted()
      await importNode(node, { archive, blobs: { get: async (address, options) => await blobs.get(address, options), chunks }, signal })
      doneBytes += node.content.size
      onProgress?.({ item: node.id, doneBytes, totalBytes })
    }
    await chunks.settle()
  } finally {
    await chunks.abandon()
  }
  await archive.verifyRest({ signal })
  await blobs.flush({ signal })
  return { root, snapshot, nodes: nodes.length, sizeBytes: totalBytes }
}

interface Import extends Pick<ImportArchiveOptions, 'archive' | 'signal'> {
  readonly blobs: LinkedBlobs
}

async function importNode (node: NodeBlock, options: Import): Promise<void> {
  const place = options.archive.place(node)
  let cause: unknown
  try {
    if (await importContent(node, place, options)) return
  } catch (error) {
    if (!isBackupError(error, ...UNREADABLE)) throw error
    cause = error
  }
  throw new BackupError('ARCHIVE_CORRUPT', `${options.archive.path} is damaged: the content of node ${node.id} in ${entryOf(place)} is not what its blocks link to`, {
    data: { id: node.id, entry: place.entry }, cause,
  })
}

/** Contents are taken apart before their entry has been read to its end: what is wrong with it shows as rows that are none. */
const UNREADABLE = ['SOURCE_FAILED', 'ROW_TOO_LARGE', 'TREE_INVALID', 'BLOCK_INVALID'] as const

/** False when the content is not that of the node. */
async function importContent ({ content, hash }: NodeBlock, place: ManifestNode, options: Import): Promise<boolean> {
  if (content.form === 'bytes') return await importBytes(hash, content, place, options)
  if (content.form === 'files') return await importFiles(hash, content, entryOf(place), options)
  return await putLinkedRows(content, giveBack(bytesAt(place, options.archive, options)), options.blobs, { hash, signal: options.signal })
}

async function importBytes (hash: string, { root }: StoredBytes, place: ManifestNode, { archive, blobs, signal }: Import): Promise<boolean> {
  const tap = new Tap(giveBack(bytesAt(place, archive, { signal })))
  return await putStream(root, tap.bytes(), { blobs, signal }) && tap.digest() === hash
}

async function putStream (root: CID, bytes: Bytes, { blobs, signal }: Pick<Import, 'blobs' | 'signal'>): Promise<boolean> {
  const source = new PieceReader(bytes)
  try {
    return await putLinked(root, source, blobs, { signal })
  } finally {
    await source.close()
  }
}

async function importFiles (hash: string, content: StoredRows, table: string, { archive, blobs, signal }: Import): Promise<boolean> {
  const names = new StorageNames(folderOfTable(table))
  const onRows = async (rows: Uint8Array, links: Links): Promise<boolean> => {
    const known = new Set(Array.from(links, String))
    for (const { entry, content: file } of fileRows(rows)) {
      if (entry.type === 'directory') names.folder(entry.path)
      if (entry.type !== 'file') continue
      const bytes = giveBack(archive.read(names.file(entry.path), { signal }))
      if (file === undefined ? !await isEmpty(bytes) : !known.has(file.root.toString()) || !await putStream(file.root, bytes, { blobs, signal })) return false
    }
    return true
  }
  return await putLinkedRows(content, archive.read(table, { signal }), blobs, { hash, signal, onRows })
}

async function isEmpty (bytes: Bytes): Promise<boolean> {
  for await (const piece of bytes) if (piece.length > 0) return false
  return true
}
