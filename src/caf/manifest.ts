import * as v from 'valibot'
import { BackupError } from '../errors.ts'
import { hexDigits, whole } from '../shape.ts'
import type { ArtifactKind } from '../sources/source.ts'
import type { ManifestDocument } from './manifest-document.ts'
import { checkShape, decodeDocument, encodeDocument, MANIFEST_PATH, manifestTooLarge, MOST_MEMBERS } from './manifest-document.ts'

/** Where the content of a node is. Lengths in bytes. */
export interface ManifestNode {
  readonly id: string
  readonly kind: ArtifactKind
  /** The node's hash: 64 hex digits. */
  readonly hash: string
  /** Path in the archive. */
  readonly entry?: string
  /** Where in the entry the content begins, if the entry holds more than this content. */
  readonly offset?: number
  readonly size: number
  readonly rows: number
}

export interface ManifestEntry {
  readonly path: string
  readonly size: number
  /** 64 hex digits. */
  readonly sha256: string
}

/** What an archive says about itself. (format.md § Archive) */
export interface ArchiveManifest {
  readonly format: 1
  readonly kind: 'caf'
  /** When the snapshot was taken, ISO 8601. */
  readonly created: string
  readonly generator: string
  /** CID of the snapshot block. */
  readonly root: string
  /** Id of the snapshot. */
  readonly snapshot: string
  readonly project: string
  readonly description: string
  readonly tags: readonly string[]
  readonly brainVersion: string | null
  readonly totalMemories: number | null
  readonly encryption: null
  readonly nodes: readonly ManifestNode[]
  /** Every other entry, in the archive's order. */
  readonly entries: readonly ManifestEntry[]
}

const Text = v.string()
const Sha256 = hexDigits(64)
const List = v.array(v.unknown())

const NodeShape = v.object({ id: Text, kind: Text, hash: Sha256, entry: v.exactOptional(Text), offset: v.exactOptional(whole), size: whole, rows: whole })
export const EntryShape = v.object({ path: Text, size: whole, sha256: Sha256 })

const shape = v.object({
  format: v.literal(1),
  kind: v.literal('caf'),
  created: Text,
  generator: Text,
  root: Text,
  snapshot: hexDigits(32),
  project: Text,
  description: Text,
  tags: v.array(Text),
  brainVersion: v.nullable(Text),
  totalMemories: v.nullable(whole),
  encryption: v.null(),
  nodes: List,
  entries: List,
})

/**
 * Refuses more nodes and entries than a manifest takes, so that it is known before they are all written.
 * @throws {BackupError} `ARCHIVE_TOO_LARGE`
 */
export function checkManifestMembers (count: number): void {
  if (count > MOST_MEMBERS) throw manifestTooLarge()
}

/** The text of `manifest.json`. @throws {BackupError} `ARCHIVE_TOO_LARGE` */
export function encodeManifest (manifest: ArchiveManifest): Uint8Array {
  // Its members stand as the format lists them, whatever order the caller's object has.
  const { format, kind, created, generator, root, snapshot, project, description, tags, brainVersion, totalMemories, encryption, nodes, entries } = manifest
  return encodeDocument({ format, kind, created, generator, root, snapshot, project, description, tags, brainVersion, totalMemories, encryption, nodes, entries })
}

/**
 * Parses and checks a manifest. Unknown members are ignored.
 * @throws {BackupError} `FORMAT_UNKNOWN` for a later format or encryption, `ARCHIVE_INVALID` naming the member that is wrong,
 *   `ARCHIVE_CORRUPT` when its integrity hash differs
 */
export function decodeManifest (bytes: Uint8Array): ArchiveManifest {
  return manifestOf(decodeDocument(bytes))
}

/** Checks all members. @throws {BackupError} as {@link decodeManifest} */
export function manifestOf (document: ManifestDocument): ArchiveManifest {
  const { encryption } = document
  if (encryption !== null && encryption !== undefined) throw new BackupError('FORMAT_UNKNOWN', 'the archive is encrypted in a way that this version does not know. Use a newer version')
  checkShape(shape, document, { nodes: NodeShape, entries: EntryShape })
  const manifest = document as unknown as ArchiveManifest
  checkReferences(manifest)
  return manifest
}

/** Each node once, each within its entry. Entries themselves are compared with the ZIP. */
function checkReferences ({ nodes, entries }: ArchiveManifest): void {
  const sizes = new Map(entries.map(({ path, size }) => [path, size]))
  const ids = new Set<string>()
  for (const { id, entry, offset, size } of nodes) {
    if (ids.has(id)) throw new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH} lists node ${id} twice`, { data: { id } })
    ids.add(id)
    if (entry === undefined) continue
    const entrySize = sizes.get(entry)
    if (entrySize === undefined) throw new BackupError('ARCHIVE_CORRUPT', `node ${id} is in entry ${entry}, which is not listed`, { data: { id, entry } })
    if (offset !== undefined && offset + size > entrySize) throw new BackupError('ARCHIVE_INVALID', `node ${id} goes beyond the end of entry ${entry}`, { data: { id, entry } })
  }
}
