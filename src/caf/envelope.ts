import * as v from 'valibot'
import { BackupError } from '../errors.ts'
import type { ManifestEntry } from './manifest.ts'
import { EntryShape } from './manifest.ts'
import type { ManifestDocument } from './manifest-document.ts'
import { checkShape, encodeDocument, MANIFEST_PATH } from './manifest-document.ts'

export const README_PATH = 'README.txt'
export const IDENTITY_PATH = 'identity.age'
export const ENCRYPTED_ARCHIVE_PATH = 'archive.caf.age'
/** Of format 1. */
export const INNER_MANIFEST_PATH = 'manifest.json.age'

/** Where format 1 keeps the n-th entry of the inner manifest, counted from 1. */
export function encryptedPath (n: number): string {
  return `entries/${String(n).padStart(4, '0')}.age`
}

/** What an encrypted archive says about itself to everybody. (format.md § Archive, Encryption) */
export type Envelope = EntryEnvelope | ArchiveEnvelope

/** Format 2: the whole archive is encrypted as one file. */
export interface ArchiveEnvelope {
  readonly format: 2
  readonly kind: 'caf'
  readonly encryption: { readonly scheme: 'age', readonly identity: typeof IDENTITY_PATH, readonly archive: typeof ENCRYPTED_ARCHIVE_PATH }
  /** Every other entry, in the archive's order. */
  readonly entries: readonly ManifestEntry[]
}

/** Format 1: each entry is encrypted by itself. */
export interface EntryEnvelope {
  readonly format: 1
  readonly kind: 'caf'
  readonly encryption: { readonly scheme: 'age', readonly identity: typeof IDENTITY_PATH, readonly manifest: typeof INNER_MANIFEST_PATH }
  /** Every other entry, in the archive's order. */
  readonly entries: readonly ManifestEntry[]
}

const archiveShape = v.object({
  format: v.literal(2),
  kind: v.literal('caf'),
  encryption: v.object({ scheme: v.literal('age'), identity: v.literal(IDENTITY_PATH), archive: v.literal(ENCRYPTED_ARCHIVE_PATH) }),
  entries: v.array(v.unknown()),
})

const entryShape = v.object({
  format: v.literal(1),
  kind: v.literal('caf'),
  encryption: v.object({ scheme: v.literal('age'), identity: v.literal(IDENTITY_PATH), manifest: v.literal(INNER_MANIFEST_PATH) }),
  entries: v.array(v.unknown()),
})

/** The text of an encrypted archive's `manifest.json`. @throws {BackupError} `ARCHIVE_TOO_LARGE` */
export function encodeEnvelope (entries: readonly ManifestEntry[]): Uint8Array {
  return encodeDocument({ format: 2, kind: 'caf', encryption: { scheme: 'age', identity: IDENTITY_PATH, archive: ENCRYPTED_ARCHIVE_PATH }, entries } satisfies ArchiveEnvelope)
}

/** The envelope that a manifest is, or undefined when it is that of an archive that is not encrypted. @throws {BackupError} `FORMAT_UNKNOWN`, `ARCHIVE_INVALID` */
export function envelopeOf (document: ManifestDocument): Envelope | undefined {
  const { encryption } = document
  if (encryption === null || encryption === undefined) return undefined
  if (typeof encryption === 'object' && 'scheme' in encryption && encryption.scheme !== 'age') {
    throw new BackupError('FORMAT_UNKNOWN', 'the archive is encrypted in a way that this version does not know. Use a newer version')
  }
  checkShape(document['format'] === 2 ? archiveShape : entryShape, document, { entries: EntryShape })
  return document as unknown as Envelope
}

/** An envelope of format 1 lists exactly what an archive of so many entries has. @throws {BackupError} `ARCHIVE_CORRUPT` */
export function checkEntryEnvelope (envelope: EntryEnvelope, count: number): void {
  checkPaths(envelope, [README_PATH, IDENTITY_PATH, ...Array.from({ length: count }, (_, i) => encryptedPath(i + 1)), INNER_MANIFEST_PATH])
}

/** @throws {BackupError} `ARCHIVE_CORRUPT` when an envelope of format 2 lists anything else than what there must be */
export function checkArchiveEnvelope (envelope: ArchiveEnvelope): void {
  checkPaths(envelope, [README_PATH, IDENTITY_PATH, ENCRYPTED_ARCHIVE_PATH])
}

function checkPaths ({ entries }: Envelope, wanted: readonly string[]): void {
  const wrong = wanted.findIndex((path, i) => entries[i]?.path !== path)
  if (wrong < 0 && entries.length === wanted.length) return
  throw new BackupError('ARCHIVE_CORRUPT', `the archive has not the entries of an encrypted one: ${MANIFEST_PATH} and what is encrypted do not belong together`)
}
