import { hash } from 'node:crypto'
import { BackupError } from '../errors.ts'
import type { Plain } from '../stream.ts'

/** The newest version of records that this code understands. */
export const FORMAT = 1

export type Members = Readonly<Record<string, Plain>>

/** A record's bytes: `format`, then `members` in their order, then the checksum. */
export function encodeRecord (members: Members): Uint8Array {
  const content = { format: FORMAT, ...members }
  return Buffer.from(`${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`)
}

/**
 * The members of the record stored under `key`, with `format`, without `checksum`.
 * @throws {BackupError} `RECORD_CORRUPT`, `FORMAT_UNKNOWN`
 */
export function decodeRecord (key: string, bytes: Uint8Array): Members {
  const { checksum, ...members } = parse(key, bytes)
  if (checksum === undefined || checksum !== checksumOrNone(members)) throw corrupt(key, 'its checksum does not match its content')
  const { format } = members
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) throw corrupt(key, 'it names no format')
  if (format > FORMAT) {
    throw new BackupError('FORMAT_UNKNOWN', `${key} has format ${format}, this version reads up to ${FORMAT}; use a newer version`, { data: { key, format } })
  }
  return members
}

/** The error for a record that is not what it should be. */
export function corrupt (key: string, why: string, cause?: unknown): BackupError {
  return new BackupError('RECORD_CORRUPT', `record ${key} is damaged: ${why}`, { data: { key }, cause })
}

function parse (key: string, bytes: Uint8Array): Members {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    throw corrupt(key, 'it is not JSON', error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corrupt(key, 'it is not an object')
  return value as Members // What JSON.parse gives is Plain.
}

/** Undefined for what is nested deeper than can be written, and so than was written. */
function checksumOrNone (content: Members): string | undefined {
  try {
    return checksumOf(content)
  } catch {
    return undefined
  }
}

function checksumOf (content: Members): string {
  return hash('sha256', JSON.stringify(content), 'hex')
}
