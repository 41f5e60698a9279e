import { BackupError } from '../errors.ts'
import { collect } from '../stream.ts'
import { AgeFile } from './age-file.ts'
import { secretDecrypter } from './age-keys.ts'
import type { ArchiveKey } from './age-keys.ts'
import { IDENTITY_PATH } from './envelope.ts'
import type { StoredFile } from './stored-file.ts'
import type { ZipReader } from './zip-reader.ts'

const IDENTITY_LIMIT_BYTES = 65_536

/** The identity that opens the archive, and what to say when it does not. */
export async function identityFor (zip: ZipReader, { secret, identity }: ArchiveKey): Promise<{ readonly identity: string, readonly noMatch: () => BackupError }> {
  if (identity !== undefined) return { identity, noMatch: () => wrongKey(zip, 'the identity is not that of one of its recipients') }
  if (secret !== undefined) return { identity: await unwrapIdentity(zip, typeof secret === 'string' ? secret : await secret()), noMatch: () => foreign(zip) }
  throw new BackupError('KEY_NEEDED', `${zip.path} is encrypted: give the secret it was made with, or the identity of one of its recipients`, { data: { path: zip.path } })
}

async function unwrapIdentity (zip: ZipReader, secret: string): Promise<string> {
  const file = await AgeFile.open(storedEntry(zip, IDENTITY_PATH), secretDecrypter(secret, () => wrongKey(zip, 'it was made with another secret')))
  const text = file.sizeBytes > IDENTITY_LIMIT_BYTES ? '' : Buffer.from(await collect(file.read(), { limit: IDENTITY_LIMIT_BYTES })).toString()
  if (/^AGE-SECRET-KEY-1[0-9A-Z]{58}\n?$/.test(text)) return text
  throw new BackupError('ARCHIVE_CORRUPT', `${zip.path} is damaged: ${IDENTITY_PATH} holds no identity`, { data: { path: zip.path } })
}

/** An entry of a ZIP as a file. */
export function storedEntry (zip: ZipReader, path: string): StoredFile {
  return { name: `${zip.path}: entry ${path}`, sizeBytes: zip.get(path)?.sizeBytes ?? 0, read: options => zip.read(path, options) }
}

function wrongKey ({ path }: ZipReader, why: string): BackupError {
  return new BackupError('KEY_WRONG', `${path} cannot be opened: ${why}`, { data: { path } })
}

/** It is encrypted, but not with the rest of the archive. */
export function foreign ({ path }: ZipReader): BackupError {
  return new BackupError('ARCHIVE_CORRUPT', `${path} is damaged: an entry is not encrypted to the archive’s own identity`, { data: { path } })
}
