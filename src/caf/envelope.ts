import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { BackupError } from '../errors.ts'
import type { ManifestEntry } from './manifest.ts'
import { ENTRIES } from './manifest.ts'
import type { ManifestDocument } from './manifest-document.ts'
import { checkShape, encodeDocument, MANIFEST_PATH } from './manifest-document.ts'

export const README_PATH = 'README.txt'
export const IDENTITY_PATH = 'identity.age'
export const INNER_MANIFEST_PATH = 'manifest.json.age'

/** Where the n-th entry of the inner manifest is, counted from 1. */
export function encryptedPath (n: number): string {
  return `entries/${String(n).padStart(4, '0')}.age`
}

/** What an encrypted archive says about itself to everybody. (format.md § Archive, Encryption) */
export interface Envelope {
  readonly format: 1
  readonly kind: 'caf'
  readonly encryption: { readonly scheme: 'age', readonly identity: typeof IDENTITY_PATH, readonly manifest: typeof INNER_MANIFEST_PATH }
  /** Every other entry, in the archive's order. */
  readonly entries: readonly ManifestEntry[]
}

const shape = Compile(Type.Object({
  format: Type.Literal(1),
  kind: Type.Literal('caf'),
  encryption: Type.Object({ scheme: Type.Literal('age'), identity: Type.Literal(IDENTITY_PATH), manifest: Type.Literal(INNER_MANIFEST_PATH) }),
  entries: ENTRIES,
}))

/** The text of an encrypted archive's `manifest.json`. @throws {BackupError} `ARCHIVE_TOO_LARGE` */
export function encodeEnvelope (entries: readonly ManifestEntry[]): Uint8Array {
  return encodeDocument({ format: 1, kind: 'caf', encryption: { scheme: 'age', identity: IDENTITY_PATH, manifest: INNER_MANIFEST_PATH }, entries } satisfies Envelope)
}

/** The envelope that a manifest is, or undefined when it is that of an archive that is not encrypted. @throws {BackupError} `FORMAT_UNKNOWN`, `ARCHIVE_INVALID` */
export function envelopeOf (document: ManifestDocument): Envelope | undefined {
  const { encryption } = document
  if (encryption === null || encryption === undefined) return undefined
  if (typeof encryption === 'object' && 'scheme' in encryption && encryption.scheme !== 'age') {
    throw new BackupError('FORMAT_UNKNOWN', 'the archive is encrypted in a way that this version does not know. Use a newer version')
  }
  checkShape(shape, document)
  return document as unknown as Envelope
}

/** An envelope lists exactly what an archive of so many entries has. @throws {BackupError} `ARCHIVE_CORRUPT` */
export function checkEnvelope ({ entries }: Envelope, count: number): void {
  const wanted = [README_PATH, IDENTITY_PATH, ...Array.from({ length: count }, (_, i) => encryptedPath(i + 1)), INNER_MANIFEST_PATH]
  const wrong = wanted.findIndex((path, i) => entries[i]?.path !== path)
  if (wrong < 0 && entries.length === wanted.length) return
  throw new BackupError('ARCHIVE_CORRUPT', `the archive has not the entries that its encrypted manifest lists: ${MANIFEST_PATH} and ${INNER_MANIFEST_PATH} do not belong together`)
}
