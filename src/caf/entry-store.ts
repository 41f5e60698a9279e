import { createHash } from 'node:crypto'
import { BackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import type { ManifestEntry } from './manifest.ts'

export interface ReadEntryOptions extends AbortOptions {
  /** First plain byte wanted. @default 0 */
  readonly offset?: number | undefined
  /** How many. @default all that follow */
  readonly length?: number | undefined
}

/** The entries of an archive by the names that its manifest gives them, in whatever form they are kept. */
export interface EntryStore {
  /** Path of the archive. */
  readonly path: string
  /** The plain bytes of an entry, checked at its end. @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE` */
  read(path: string, options?: ReadEntryOptions): Bytes
}

/** Entries, and a list of them that says what each must be. */
export interface ListedEntries {
  readonly store: EntryStore
  readonly entries: readonly ManifestEntry[]
}

/** Reads an entry to its end and compares it with what is listed. @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE` */
export async function checkEntry (store: EntryStore, { path, size, sha256 }: ManifestEntry, options: AbortOptions = {}): Promise<void> {
  const hash = createHash('sha256')
  let length = 0
  for await (const piece of store.read(path, options)) {
    length += piece.length
    hash.update(piece)
  }
  if (length === size && hash.digest('hex') === sha256) return
  throw new BackupError('ARCHIVE_CORRUPT', `${store.path} is damaged: entry ${path} does not hash to what the manifest lists`, { data: { path: store.path, entry: path } })
}
