import { NEWLINE } from '../chunking/copy-text.ts'
import type { NodeBlock } from '../dag/node.ts'
import { decodeFileRow } from '../dag/file-row.ts'
import type { StoredFile } from '../dag/file-row.ts'
import { readBytes, readRowChunks } from '../dag/read-content.ts'
import { giveBack } from '../dag/spent-pieces.ts'
import { BackupError } from '../errors.ts'
import type { FileEntry } from '../sources/source.ts'
import type { ArchiveContext } from './archive-context.ts'
import { rowsOf } from './archive-context.ts'
import { StorageNames } from './entry-names.ts'
import type { ZipSource } from './zip-writer.ts'

/** Where the files of a source and their rows are; `source` is given when there is more than one. */
export function storagePaths (source: string | undefined): { readonly folder: string, readonly table: string } {
  return source === undefined ? { folder: 'storage', table: 'storage.tsv' } : { folder: `storage/${source}`, table: `storage.${source}.tsv` }
}

/** The folder of the files whose rows are in the entry `table`. @throws {BackupError} `ARCHIVE_INVALID` */
export function folderOfTable (table: string): string {
  const match = /^storage(?:\.([^/]+))?\.tsv$/.exec(table)
  if (match === null) throw new BackupError('ARCHIVE_INVALID', `files are described by an entry storage.tsv, not ${table}`, { data: { table } })
  return storagePaths(match[1]).folder
}

/** Ends of names of files that deflate does not make smaller. */
const COMPRESSED = /\.(7z|avif|br|bz2|docx|gif|gz|heic|jar|jpe?g|lz4|m4a|mkv|mov|mp[34]|odt|ogg|opus|parquet|png|pptx|rar|tgz|webm|webp|whl|woff2?|xlsx|xz|zip|zst)$/i

/** The entries of a folder tree: its files and folders below `folder`, then its rows as `table`. */
export async function * storageEntries (node: NodeBlock, { folder, table }: ReturnType<typeof storagePaths>, context: ArchiveContext): AsyncGenerator<ZipSource> {
  const names = new StorageNames(folder)
  for await (const rows of rowChunks(node, context)) {
    for (const { entry, content } of fileRows(rows)) {
      if (entry.type === 'directory') yield { path: names.folder(entry.path), method: 'store' }
      if (entry.type === 'file') yield fileEntry(entry, content, names.file(entry.path), context)
    }
  }
  context.place(node, table)
  yield { path: table, method: 'deflate', read: () => rowChunks(node, context) }
}

/** The rows as they stand in their chunks: a file's content is a reference. */
async function * rowChunks (node: NodeBlock, { blobs, signal }: ArchiveContext): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of readRowChunks(rowsOf(node), blobs, { signal })) yield bytes
}

function fileEntry ({ path }: FileEntry, content: StoredFile | undefined, entry: string, { blobs, signal }: ArchiveContext): ZipSource {
  const read = content === undefined ? noBytes : () => giveBack(readBytes(content.root, blobs, { signal }))
  return { path: entry, method: COMPRESSED.test(path) ? 'store' : 'deflate', read }
}

async function * noBytes (): AsyncGenerator<Uint8Array> {
  // an empty file
}

/** Each row of whole rows, decoded. @throws {BackupError} `TREE_INVALID` */
export function * fileRows (rows: Uint8Array): Generator<ReturnType<typeof decodeFileRow>> {
  for (let start = 0, end; start < rows.length; start = end) {
    end = rows.indexOf(NEWLINE, start) + 1 || rows.length
    yield decodeFileRow(rows.subarray(start, end))
  }
}
