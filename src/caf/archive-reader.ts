import { CID } from 'multiformats/cid'
import type { NodeBlock } from '../dag/node.ts'
import { decodeNode } from '../dag/node.ts'
import { decodeSnapshot } from '../dag/snapshot.ts'
import { BackupError } from '../errors.ts'
import type { Content } from '../sources/source.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { collect } from '../stream.ts'
import type { ArchiveKey } from './age-keys.ts'
import { contentOf } from './archive-content.ts'
import type { ArchiveProgress } from './archive-progress.ts'
import { readArchiveProof } from './archive-proof.ts'
import { checkSeal } from './archive-seal.ts'
import type { CarBlock } from './dag-car.ts'
import { DAG_PATH, readDag } from './dag-car.ts'
import { openEncryptedArchive } from './encrypted-archive.ts'
import { openEncryptedEntries } from './encrypted-entries.ts'
import { checkEntry, ListedEntries } from './entry-store.ts'
import type { EntryStore, ReadEntryOptions } from './entry-store.ts'
import { envelopeOf } from './envelope.ts'
import type { Envelope } from './envelope.ts'
import { manifestOf } from './manifest.ts'
import type { ArchiveManifest, ManifestEntry, ManifestNode } from './manifest.ts'
import { decodeDocument, MANIFEST_LIMIT_BYTES, MANIFEST_PATH } from './manifest-document.ts'
import type { ManifestDocument } from './manifest-document.ts'
import type { ZipLimits } from './zip-reader.ts'
import { ZipReader } from './zip-reader.ts'

export interface VerifyOptions extends AbortOptions {
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined
}

/** What an archive is read from. */
interface ArchiveParts {
  /** The file, and the archive that is encrypted in it if there is one: both end with a seal. */
  readonly zips: readonly [ZipReader, ...ZipReader[]]
  readonly manifest: ArchiveManifest
  /** Where the entries are that the manifest lists. */
  readonly contents: EntryStore
  /** What an encrypted archive lists besides. */
  readonly envelope?: Envelope
}

/** An open `.caf` archive. Its manifest is checked; everything else is when it is read, or all at once by {@link verify}. Close it. */
export class ArchiveReader {
  readonly path: string
  readonly manifest: ArchiveManifest
  /** The snapshot block. */
  readonly root: CID
  readonly #parts: ArchiveParts
  readonly #contents: ListedEntries
  readonly #places: ReadonlyMap<string, ManifestNode>

  constructor (parts: ArchiveParts) {
    const { zips: [file], manifest, contents } = parts
    this.path = file.path
    this.manifest = manifest
    this.root = rootOf(manifest)
    this.#parts = parts
    this.#contents = new ListedEntries(contents, manifest.entries)
    this.#places = new Map(manifest.nodes.map(node => [node.id, node]))
  }

  /**
   * Reads every byte and checks it: the seal over the whole file, length, CRC and SHA-256 of each entry, the blocks of the DAG, and that manifest and DAG
   * describe the same nodes. That each content is the one the DAG links to shows when it is imported.
   * @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE`, `FORMAT_UNKNOWN`
   */
  async verify ({ signal, onProgress }: VerifyOptions = {}): Promise<void> {
    await this.verifySeal({ signal })
    const { entries } = this.manifest
    const totalBytes = entries.reduce((sum, { size }) => sum + size, 0)
    let doneBytes = 0
    for (const entry of entries) {
      await checkEntry(this.#parts.contents, entry, { signal })
      doneBytes += entry.size
      onProgress?.({ item: entry.path, doneBytes, totalBytes })
    }
    for await (const _ of this.blocks({ signal })); // they are checked as they come
  }

  /** Reads the file from end to end: finds all damage, but not what was changed by somebody who knows the format. @throws {BackupError} `ARCHIVE_CORRUPT` */
  async verifySeal ({ signal }: AbortOptions = {}): Promise<void> {
    const { zips: [file, ...inner], envelope } = this.#parts
    await checkSeal(file.file, { signal })
    for (const entry of envelope?.entries ?? []) await checkEntry(file, entry, { signal })
    for (const zip of inner) await checkSeal(zip.file, { signal })
  }

  /** Checks the entries that have not been read to their end since the archive was opened: those that were are proven. @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE` */
  async verifyRest ({ signal }: AbortOptions = {}): Promise<void> {
    for (const entry of this.#contents.unproven()) await checkEntry(this.#parts.contents, entry, { signal })
  }

  /** Every block of the snapshot, each before those below it; verified. @throws {BackupError} `ARCHIVE_CORRUPT`, also when the manifest says something else of the snapshot or a node */
  async * blocks ({ signal }: AbortOptions = {}): AsyncGenerator<CarBlock> {
    const missing = new Set(this.#places.keys())
    for await (const block of readDag(this.#contents.read(DAG_PATH, { signal }), this.root, { signal })) {
      const { kind, cid, bytes } = block
      if (kind === 'snapshot') this.#checkSnapshot(cid, bytes)
      if (kind === 'node') missing.delete(this.place(decodeNode(bytes, cid)).id)
      yield block
    }
    const [first] = missing
    if (first !== undefined) throw this.#corrupt(`its manifest lists node ${first}, which is not in ${DAG_PATH}`)
  }

  /** The node blocks of the snapshot, in the order of their ids. @throws {BackupError} `ARCHIVE_CORRUPT` */
  async * nodes (options: AbortOptions = {}): AsyncGenerator<NodeBlock> {
    for await (const { cid, bytes, kind } of this.blocks(options)) if (kind === 'node') yield decodeNode(bytes, cid)
  }

  /** Where the content of a node is. @throws {BackupError} `ARCHIVE_CORRUPT` when the manifest does not list it, or otherwise than the node says */
  place ({ id, artifact, hash, content }: NodeBlock): ManifestNode {
    const place = this.#places.get(id)
    if (place === undefined) throw this.#corrupt(`node ${id} is not in its manifest`)
    if (place.kind !== artifact || place.hash !== hash || place.size !== content.size || place.rows !== content.count) {
      throw this.#corrupt(`manifest and ${DAG_PATH} describe node ${id} differently`)
    }
    return place
  }

  /** The content of a node as a source would give it. It is checked while it is read, each entry at its end. */
  content (node: NodeBlock): Content {
    return contentOf(node, this.place(node), this.#contents)
  }

  /** The proof that the snapshot stands in its repository's log; nothing of it is checked. @throws {BackupError} `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE` */
  async proof (): Promise<string | undefined> {
    return await readArchiveProof(this.#contents, this.manifest.entries)
  }

  /** The bytes of an entry; all of them are compared with the manifest at their end. */
  read (path: string, options: ReadEntryOptions = {}): Bytes {
    return this.#contents.read(path, options)
  }

  /** Safe to call twice. */
  async close (): Promise<void> {
    const { zips } = this.#parts
    for (const zip of zips.toReversed()) await zip.close()
  }

  #checkSnapshot (cid: CID, bytes: Uint8Array): void {
    const { id, created, project, description, tags } = decodeSnapshot(bytes, cid)
    const { manifest } = this
    const same = id === manifest.snapshot && created === manifest.created && project === manifest.project
      && description === manifest.description && JSON.stringify(tags) === JSON.stringify(manifest.tags)
    if (!same) throw this.#corrupt(`manifest and ${DAG_PATH} describe the snapshot differently`)
  }

  #corrupt (what: string): BackupError {
    return new BackupError('ARCHIVE_CORRUPT', `${this.path} is damaged: ${what}`, { data: { path: this.path } })
  }
}

export interface OpenArchiveOptions extends ZipLimits, ArchiveKey {}

/**
 * Opens a `.caf` archive: checks its directory and its manifest, and that both list the same entries; of an encrypted one also the inner manifest.
 * @throws {BackupError} `ARCHIVE_INVALID` when it is no archive, `ARCHIVE_UNSAFE`, `ARCHIVE_CORRUPT`, `ARCHIVE_TOO_LARGE`, `FORMAT_UNKNOWN`;
 *   `KEY_NEEDED`, `KEY_WRONG` when it is encrypted; `INVALID_OPTION`, `STORAGE_DENIED`, `STORAGE_IO` when the file cannot be read
 */
export async function openArchive (path: string, options: OpenArchiveOptions = {}): Promise<ArchiveReader> {
  const zip = await ZipReader.open(path, options)
  try {
    return new ArchiveReader(await openParts(zip, options))
  } catch (error) {
    await zip.close()
    throw error
  }
}

async function openParts (zip: ZipReader, options: OpenArchiveOptions): Promise<ArchiveParts> {
  const document = await readManifest(zip)
  const envelope = envelopeOf(document)
  if (envelope === undefined) return { zips: [zip], contents: zip, manifest: openManifest(zip, document) }
  checkEntries(zip, envelope.entries)
  if (envelope.format === 1) {
    const { manifest, store } = await openEncryptedEntries(zip, envelope, options)
    return { zips: [zip], contents: store, manifest, envelope }
  }
  const inner = await ZipReader.openFile(await openEncryptedArchive(zip, envelope, options), options)
  return { zips: [zip, inner], contents: inner, manifest: openManifest(inner, await readManifest(inner)), envelope }
}

/** The manifest of an archive that is not encrypted. */
function openManifest (zip: ZipReader, document: ManifestDocument): ArchiveManifest {
  const manifest = manifestOf(document)
  checkEntries(zip, manifest.entries)
  return manifest
}

async function readManifest (zip: ZipReader): Promise<ManifestDocument> {
  const entry = zip.get(MANIFEST_PATH)
  if (entry === undefined) throw new BackupError('ARCHIVE_INVALID', `${zip.path} is a ZIP but no .caf archive: it has no ${MANIFEST_PATH}`, { data: { path: zip.path } })
  if (entry.sizeBytes > MANIFEST_LIMIT_BYTES) throw new BackupError('ARCHIVE_TOO_LARGE', `${zip.path}: ${MANIFEST_PATH} is larger than ${MANIFEST_LIMIT_BYTES} bytes`, { data: { path: zip.path } })
  return decodeDocument(await collect(zip.read(MANIFEST_PATH), { limit: MANIFEST_LIMIT_BYTES }))
}

/** The manifest lists every other entry in the archive's order, and is the last itself. */
function checkEntries (zip: ZipReader, entries: readonly ManifestEntry[]): void {
  const listed = [...entries.map(({ path, size }) => ({ path, sizeBytes: size })), { path: MANIFEST_PATH, sizeBytes: undefined }]
  const found = [...zip.entries]
  for (let i = 0; i < Math.max(listed.length, found.length); i++) {
    const [wanted, there] = [listed[i], found[i]]
    if (wanted?.path === there?.path && (wanted?.sizeBytes ?? there?.sizeBytes) === there?.sizeBytes) continue
    const what = wanted === undefined ? `entry ${there!.path} is not in its manifest`
      : there?.path === wanted.path ? `entry ${there.path} has ${there.sizeBytes} bytes, the manifest says ${wanted.sizeBytes}`
        : `entry ${wanted.path} is ${zip.get(wanted.path) === undefined ? 'missing' : 'not at its place'}`
    throw new BackupError('ARCHIVE_CORRUPT', `${zip.path} is damaged: ${what}`, { data: { path: zip.path } })
  }
}

function rootOf ({ root }: ArchiveManifest): CID {
  try {
    return CID.parse(root)
  } catch (cause) {
    throw new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH}: root is not a CID`, { cause })
  }
}
