import { isBackupError } from '../errors.ts'
import { AgeFile } from './age-file.ts'
import { identityDecrypter } from './age-keys.ts'
import type { ArchiveKey } from './age-keys.ts'
import { identityFor, storedEntry } from './archive-identity.ts'
import { checkEntry } from './entry-store.ts'
import { checkArchiveEnvelope, ENCRYPTED_ARCHIVE_PATH, IDENTITY_PATH } from './envelope.ts'
import type { ArchiveEnvelope } from './envelope.ts'
import type { StoredFile } from './stored-file.ts'
import type { ZipReader } from './zip-reader.ts'

/**
 * The archive that is encrypted in another one, as a file: each piece of it is proven before it comes.
 * @throws {BackupError} `KEY_NEEDED`, `KEY_WRONG`, `INVALID_OPTION` for what is no identity; `ARCHIVE_CORRUPT`, `ARCHIVE_UNSAFE`
 */
export async function openEncryptedArchive (zip: ZipReader, envelope: ArchiveEnvelope, key: ArchiveKey): Promise<StoredFile> {
  checkArchiveEnvelope(envelope)
  await checkListed(zip, envelope, IDENTITY_PATH)
  const { identity, noMatch } = await identityFor(zip, key)
  try {
    return await AgeFile.open(storedEntry(zip, ENCRYPTED_ARCHIVE_PATH), identityDecrypter(identity, noMatch))
  } catch (error) {
    if (isBackupError(error, 'KEY_WRONG')) await checkListed(zip, envelope, ENCRYPTED_ARCHIVE_PATH)
    throw error
  }
}

/** Damage could look as if another key were needed. @throws {BackupError} `ARCHIVE_CORRUPT` */
async function checkListed (zip: ZipReader, { entries }: ArchiveEnvelope, path: string): Promise<void> {
  for (const entry of entries) if (entry.path === path) await checkEntry(zip, entry)
}
