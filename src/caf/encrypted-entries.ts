import type { Decrypter } from 'age-encryption'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { collect } from '../stream.ts'
import { AgeFile } from './age-file.ts'
import { identityDecrypter } from './age-keys.ts'
import { foreign, identityFor, storedEntry } from './archive-identity.ts'
import type { ArchiveKey } from './age-keys.ts'
import { checkEntry } from './entry-store.ts'
import type { EntryStore, ReadEntryOptions } from './entry-store.ts'
import { EntryPaths } from './entry-path.ts'
import { checkEntryEnvelope, encryptedPath, IDENTITY_PATH, INNER_MANIFEST_PATH } from './envelope.ts'
import type { EntryEnvelope } from './envelope.ts'
import { decodeManifest } from './manifest.ts'
import type { ArchiveManifest, ManifestEntry } from './manifest.ts'
import { MANIFEST_LIMIT_BYTES, manifestTooLarge } from './manifest-document.ts'
import type { ZipReader } from './zip-reader.ts'

/** The entries of an encrypted archive of format 1 by the names that its inner manifest gives them. */
export class EncryptedEntries implements EntryStore {
  readonly path: string
  readonly #zip: ZipReader
  readonly #decrypter: Decrypter
  readonly #entries: ReadonlyMap<string, { readonly stored: string, readonly size: number }>
  /** The one that was read last: contents that share an entry are read one after another. */
  #last: { readonly path: string, readonly file: AgeFile } | undefined

  constructor (zip: ZipReader, entries: readonly ManifestEntry[], decrypter: Decrypter) {
    this.path = zip.path
    this.#zip = zip
    this.#decrypter = decrypter
    this.#entries = new Map(entries.map(({ path, size }, i) => [path, { stored: encryptedPath(i + 1), size }]))
  }

  /** The plain bytes of an entry; each is proven before it comes. @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE` when it holds more than is listed */
  async * read (path: string, options: ReadEntryOptions = {}): AsyncGenerator<Uint8Array> {
    const file = this.#last?.path === path ? this.#last.file : await this.#open(path, options)
    this.#last = { path, file }
    yield * file.read(options)
  }

  async #open (path: string, { signal }: AbortOptions): Promise<AgeFile> {
    const entry = this.#entries.get(path)
    if (entry === undefined) throw new BackupError('ARCHIVE_CORRUPT', `${this.path} has no entry ${path}`, { data: { path } })
    const file = await AgeFile.open(storedEntry(this.#zip, entry.stored), this.#decrypter, { signal })
    if (file.sizeBytes === entry.size) return file
    const code = file.sizeBytes > entry.size ? 'ARCHIVE_TOO_LARGE' : 'ARCHIVE_CORRUPT'
    throw new BackupError(code, `${this.path}: entry ${path} has ${file.sizeBytes} bytes, the manifest says ${entry.size}`, { data: { path } })
  }
}

/**
 * Opens what is encrypted in an archive of format 1, each entry by itself: reads its inner manifest and checks that the archive has the entries that this lists.
 * @throws {BackupError} `KEY_NEEDED`, `KEY_WRONG`, `INVALID_OPTION` for what is no identity; `ARCHIVE_CORRUPT`, `ARCHIVE_INVALID`, `ARCHIVE_UNSAFE`,
 *   `ARCHIVE_TOO_LARGE`, `FORMAT_UNKNOWN`
 */
export async function openEncryptedEntries (zip: ZipReader, envelope: EntryEnvelope, key: ArchiveKey): Promise<{ readonly manifest: ArchiveManifest, readonly store: EntryStore }> {
  // Else damage could look as if another key were needed.
  for (const entry of envelope.entries) if (entry.path === IDENTITY_PATH || entry.path === INNER_MANIFEST_PATH) await checkEntry(zip, entry)
  const { identity, noMatch } = await identityFor(zip, key)
  const inner = await AgeFile.open(storedEntry(zip, INNER_MANIFEST_PATH), identityDecrypter(identity, noMatch))
  if (inner.sizeBytes > MANIFEST_LIMIT_BYTES) throw manifestTooLarge()
  const manifest = decodeManifest(await collect(inner.read(), { limit: MANIFEST_LIMIT_BYTES }))
  checkEntryEnvelope(envelope, manifest.entries.length)
  checkInner(manifest.entries)
  return { manifest, store: new EncryptedEntries(zip, manifest.entries, identityDecrypter(identity, () => foreign(zip))) }
}

/** As strict as a ZIP's directory is read. */
function checkInner (entries: readonly ManifestEntry[]): void {
  const paths = new EntryPaths()
  for (const { path, size } of entries) {
    paths.add(path)
    if (path.endsWith('/') && size > 0) throw new BackupError('ARCHIVE_INVALID', `folder entry ${path} has content`, { data: { path } })
  }
}
