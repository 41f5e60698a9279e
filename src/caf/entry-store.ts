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

/** Entries that are compared, as they are read, with a list that says what each must be. */
export class ListedEntries implements EntryStore {
  readonly #store: EntryStore
  readonly #entries: ReadonlyMap<string, ManifestEntry>
  readonly #proven = new Set<string>()

  constructor (store: EntryStore, entries: readonly ManifestEntry[]) {
    this.#store = store
    this.#entries = new Map(entries.map(entry => [entry.path, entry]))
  }

  get path (): string {
    return this.#store.path
  }

  /** The plain bytes of an entry, or of a part of it, which is not compared. @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE` */
  async * read (path: string, options: ReadEntryOptions = {}): AsyncGenerator<Uint8Array> {
    const entry = this.#entries.get(path)
    const bytes = this.#store.read(path, options)
    const isPart = options.offset !== undefined || options.length !== undefined
    yield * entry === undefined || isPart ? bytes : compared(bytes, entry, this.#store)
    if (!isPart) this.#proven.add(path)
  }

  /** The entries that have not been read to their end. */
  unproven (): ManifestEntry[] {
    return [...this.#entries.values()].filter(({ path }) => !this.#proven.has(path))
  }
}

/** Reads an entry to its end and compares it with what is listed. @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE` */
export async function checkEntry (store: EntryStore, entry: ManifestEntry, options: AbortOptions = {}): Promise<void> {
  for await (const _ of compared(store.read(entry.path, options), entry, store)); // it is compared as it passes
}

async function * compared (bytes: Bytes, { path, size, sha256 }: ManifestEntry, store: EntryStore): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let length = 0
  for await (const piece of bytes) {
    length += piece.length
    hash.update(piece)
    yield piece
  }
  if (length === size && hash.digest('hex') === sha256) return
  throw new BackupError('ARCHIVE_CORRUPT', `${store.path} is damaged: entry ${path} does not hash to what the manifest lists`, { data: { path: store.path, entry: path } })
}
