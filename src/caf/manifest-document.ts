import { createHash, timingSafeEqual } from 'node:crypto'
import { BackupError } from '../errors.ts'
import { fits, problemOf } from '../shape.ts'
import type { Shape, ShapeProblem } from '../shape.ts'

export const MANIFEST_PATH = 'manifest.json'
/** Well below what fits the string that JSON is parsed from. */
export const MANIFEST_LIMIT_BYTES = 256 * 1024 * 1024
/** Nodes and entries together. */
export const MOST_MEMBERS = 1_000_000

/** The members of a manifest whose kind, format and integrity are right, whatever else it says. */
export type ManifestDocument = Readonly<Record<string, unknown>>

/** The text of a manifest: its members in this order, then their integrity. @throws {BackupError} `ARCHIVE_TOO_LARGE` */
export function encodeDocument (members: object): Uint8Array {
  const bytes = Buffer.from(`${JSON.stringify({ ...members, integrity: integrityOf(members) }, null, 2)}\n`)
  if (bytes.length > MANIFEST_LIMIT_BYTES) throw manifestTooLarge()
  return bytes
}

/**
 * The members without the integrity, which is checked.
 * @throws {BackupError} `FORMAT_UNKNOWN` for a later format, `ARCHIVE_INVALID` when it is no manifest, `ARCHIVE_CORRUPT` when its integrity hash differs
 */
export function decodeDocument (bytes: Uint8Array): ManifestDocument {
  const { integrity, ...members } = parse(bytes)
  checkFormat(members)
  if (sameHash(integrity, integrityOrNone(members))) return members
  throw new BackupError('ARCHIVE_CORRUPT', `${MANIFEST_PATH} was changed: it does not hash to its integrity member`)
}

/**
 * Checks the document, and each item of the lists that `items` names: one by one, for there may be many.
 * @throws {BackupError} `ARCHIVE_INVALID` naming the first member that is wrong
 */
export function checkShape (shape: Shape, document: ManifestDocument, items: Readonly<Record<string, Shape>>): void {
  if (!fits(shape, document)) throw invalid(problemOf(shape, document)!)
  for (const [list, item] of Object.entries(items)) {
    for (const [index, value] of (document[list] as unknown[]).entries()) {
      if (fits(item, value)) continue
      const { path, text } = problemOf(item, value)!
      throw invalid({ path: [list, String(index), ...path], text })
    }
  }
}

function invalid ({ path, text }: ShapeProblem): BackupError {
  return new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH}: ${path.join('.')} ${text}`, { data: { member: `/${path.join('/')}` } })
}

export function manifestTooLarge (): BackupError {
  return new BackupError('ARCHIVE_TOO_LARGE', `${MANIFEST_PATH} takes ${MOST_MEMBERS} nodes and files in ${MANIFEST_LIMIT_BYTES} bytes, and these are more; export them in parts`)
}

function parse (bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > MANIFEST_LIMIT_BYTES) throw manifestTooLarge()
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    throw new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH} is not JSON`, { cause })
  }
  throw new BackupError('ARCHIVE_INVALID', `${MANIFEST_PATH} is not an object`)
}

/** Of archives that are encrypted, and of those that are not. */
const LATEST = { encrypted: 2, open: 1 }

function checkFormat ({ format, kind, encryption }: ManifestDocument): void {
  if (kind !== 'caf') throw new BackupError('ARCHIVE_INVALID', `this is not a .caf archive: ${MANIFEST_PATH} has not the kind "caf"`)
  const latest = encryption === null || encryption === undefined ? LATEST.open : LATEST.encrypted
  if (typeof format === 'number' && format > latest) {
    throw new BackupError('FORMAT_UNKNOWN', `the archive has format ${format}; this program knows ${latest}. Use a newer version`, { data: { format } })
  }
}

/** Undefined for what is nested deeper than can be written, and so than was written. */
function integrityOrNone (members: object): string | undefined {
  try {
    return integrityOf(members)
  } catch {
    return undefined
  }
}

function integrityOf (members: object): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('hex')
}

function sameHash (claimed: unknown, computed: string | undefined): boolean {
  if (computed === undefined || typeof claimed !== 'string' || claimed.length !== computed.length) return false
  const [a, b] = [Buffer.from(claimed), Buffer.from(computed)]
  return a.length === b.length && timingSafeEqual(a, b)
}
