import { createHash, timingSafeEqual } from 'node:crypto'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { BackupError } from '../errors.ts'
import type { ArtifactKind } from '../sources/source.ts'

export const MANIFEST_PATH = 'manifest.json'
/** Well below what fits the string that JSON is parsed from. */
export const MANIFEST_LIMIT_BYTES = 256 * 1024 * 1024
const MOST_MEMBERS = 1_000_000

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

const Text = Type.String()
const Length = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })

const shape = Compile(Type.Object({
  format: Type.Literal(1),
  kind: Type.Literal('caf'),
  created: Text,
  generator: Text,
  root: Text,
  snapshot: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  project: Text,
  description: Text,
  tags: Type.Array(Text),
  brainVersion: Type.Union([Text, Type.Null()]),
  totalMemories: Type.Union([Length, Type.Null()]),
  encryption: Type.Null(),
  nodes: Type.Array(Type.Object({ id: Text, kind: Text, hash: Sha256, entry: Type.Optional(Text), offset: Type.Optional(Length), size: Length, rows: Length })),
  entries: Type.Array(Type.Object({ path: Text, size: Length, sha256: Sha256 })),
  integrity: Sha256,
}))

/**
 * Refuses more nodes and entries than a manifest takes, so that it is known before they are all written.
 * @throws {BackupError} `ARCHIVE_TOO_LARGE`
 */
export function checkManifestMembers (count: number): void {
  if (count > MOST_MEMBERS) throw tooLarge()
}

/** The text of `manifest.json`. @throws {BackupError} `ARCHIVE_TOO_LARGE` */
export function encodeManifest (manifest: ArchiveManifest): Uint8Array {
  // Its members stand as the format lists them, whatever order the caller's object has.
  const { format, kind, created, generator, root, snapshot, project, description, tags, brainVersion, totalMemories, encryption, nodes, entries } = manifest
  const members = { format, kind, created, generator, root, snapshot, project, description, tags, brainVersion, totalMemories, encryption, nodes, entries }
  const bytes = Buffer.from(`${JSON.stringify({ ...members, integrity: integrityOf(members) }, null, 2)}\n`)
  if (bytes.length > MANIFEST_LIMIT_BYTES) throw tooLarge()
  return bytes
}

/**
 * Parses and checks a manifest. Unknown members are ignored.
 * @throws {BackupError} `FORMAT_UNKNOWN` for a later format or encryption, `ARCHIVE_INVALID` naming the member that is wrong,
 *   `ARCHIVE_CORRUPT` when its integrity hash differs
 */
export function decodeManifest (bytes: Uint8Array): ArchiveManifest {
  const value = parse(bytes)
  checkFormat(value)
  const { integrity, ...members } = value
  if (!sameHash(integrity, integrityOf(members))) {
    throw new BackupError('ARCHIVE_CORRUPT', `${MANIFEST_PATH} was changed: it does not hash to its integrity member`)
  }
  if (!shape.Check(value)) {
    const [error] = shape.Errors(value)
    throw new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH}: ${error!.instancePath.slice(1).replaceAll('/', '.')} ${error!.message}`, { data: { member: error!.instancePath } })
  }
  const manifest = members as unknown as ArchiveManifest
  checkReferences(manifest)
  return manifest
}

function parse (bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > MANIFEST_LIMIT_BYTES) throw tooLarge()
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    throw new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH} is not JSON`, { cause })
  }
  throw new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH} is not an object`)
}

function checkFormat ({ format, kind, encryption }: Record<string, unknown>): void {
  if (kind !== 'caf') throw new BackupError('ARCHIVE_INVALID', `this is not a .caf archive: ${MANIFEST_PATH} has not the kind "caf"`)
  if (typeof format === 'number' && format > 1) {
    throw new BackupError('FORMAT_UNKNOWN', `the archive has format ${format}; this program knows 1. Use a newer version`, { data: { format } })
  }
  if (encryption !== null && encryption !== undefined) throw new BackupError('FORMAT_UNKNOWN', 'the archive is encrypted, which this version cannot read. Use a newer version')
}

function integrityOf (members: object): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('hex')
}

function sameHash (claimed: unknown, computed: string): boolean {
  if (typeof claimed !== 'string' || claimed.length !== computed.length) return false
  const [a, b] = [Buffer.from(claimed), Buffer.from(computed)]
  return a.length === b.length && timingSafeEqual(a, b)
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

function tooLarge (): BackupError {
  return new BackupError('ARCHIVE_TOO_LARGE', `${MANIFEST_PATH} takes ${MOST_MEMBERS} nodes and files in ${MANIFEST_LIMIT_BYTES} bytes, and these are more; export them in parts`)
}
