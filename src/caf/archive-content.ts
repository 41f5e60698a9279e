import { splitRows } from '../chunking/row-splitter.ts'
import type { NodeBlock } from '../dag/node.ts'
import { BackupError } from '../errors.ts'
import type { Content, FileEntry } from '../sources/source.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { StorageNames } from './entry-names.ts'
import type { EntryStore } from './entry-store.ts'
import type { ManifestNode } from './manifest.ts'
import { fileRows, folderOfTable } from './storage-entries.ts'

/** The content of a node as a source would give it. `place` is the manifest's member of that node. */
export function contentOf ({ artifact, content }: NodeBlock, place: ManifestNode, store: Pick<EntryStore, 'read'>): Content {
  switch (content.form) {
    case 'bytes':
      return { form: 'bytes', cut: artifact === 'qdrant.collection' ? 'tar' : 'content', read: options => bytesAt(place, store, options) }
    case 'rows':
      return { form: 'rows', layout: { columns: content.columns, key: content.key }, read: options => bytesAt(place, store, options) }
    case 'files':
      return { form: 'files', entries: options => fileEntries(entryOf(place), store, options) }
  }
}

/** The bytes of a node within its entry. */
export function bytesAt (place: ManifestNode, store: Pick<EntryStore, 'read'>, { signal }: AbortOptions = {}): Bytes {
  const { offset, size } = place
  return store.read(entryOf(place), { signal, ...(offset === undefined ? {} : { offset, length: size }) })
}

/** @throws {BackupError} `ARCHIVE_INVALID` */
export function entryOf ({ id, entry }: ManifestNode): string {
  if (entry === undefined) throw new BackupError('ARCHIVE_INVALID', `the archive names no entry for node ${id}`, { data: { id } })
  return entry
}

async function * fileEntries (table: string, store: Pick<EntryStore, 'read'>, { signal }: AbortOptions = {}): AsyncGenerator<FileEntry> {
  const names = new StorageNames(folderOfTable(table))
  for await (const { bytes } of splitRows(store.read(table, { signal }), { keyColumns: 1, signal, storeValue: refuseLong })) {
    for (const { entry } of fileRows(bytes)) {
      if (entry.type === 'directory') names.folder(entry.path)
      if (entry.type !== 'file') {
        yield entry
        continue
      }
      const path = names.file(entry.path)
      yield { ...entry, read: options => store.read(path, options) }
    }
  }
}

/** Rows of files have no long values: contents are references. */
async function refuseLong (): Promise<never> {
  throw new BackupError('ARCHIVE_INVALID', 'a row that describes a file is too long')
}
