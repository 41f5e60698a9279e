import { padmeSize } from '../cas/padme.ts'
import type { Bytes } from '../stream.ts'
import { bytesOf } from '../stream.ts'
import { encryptBytes } from './age-file-writer.ts'
import { createArchiveKeys } from './age-keys.ts'
import type { ArchiveEncryption } from './age-keys.ts'
import { README } from './encrypted-readme.ts'
import { encodeEnvelope, ENCRYPTED_ARCHIVE_PATH, IDENTITY_PATH, README_PATH } from './envelope.ts'
import { MANIFEST_PATH } from './manifest-document.ts'
import type { WriteZipOptions, ZipRecord, ZipSource } from './zip-writer.ts'
import { writeZip } from './zip-writer.ts'

export interface WriteEncryptedZipOptions extends WriteZipOptions {
  readonly encryption: ArchiveEncryption
}

/**
 * As {@link writeZip}, but what that gives is one age file in another ZIP: nothing shows of its entries but a rounded sum of their lengths.
 * {@link WriteZipOptions.onEntry} is told the inner ones.
 * @throws {BackupError} as {@link writeZip}; `INVALID_OPTION` for what is no recipient, `ARCHIVE_TOO_LARGE`
 */
export async function * writeEncryptedZip (sources: AsyncIterable<ZipSource>, { encryption, signal, onEntry }: WriteEncryptedZipOptions): AsyncGenerator<Uint8Array> {
  const { identityFile, recipients } = await createArchiveKeys(encryption)
  const stored: ZipRecord[] = []
  const enveloped = async function * (): AsyncGenerator<ZipSource> {
    yield stores(README_PATH, () => bytesOf(README))
    yield stores(IDENTITY_PATH, () => bytesOf(identityFile))
    yield stores(ENCRYPTED_ARCHIVE_PATH, () => encryptBytes(writeZip(sources, { signal, onEntry, padded: padmeSize }), recipients))
    const envelope = encodeEnvelope(stored)
    yield stores(MANIFEST_PATH, () => bytesOf(envelope))
  }
  // The envelope is made when all before it has been recorded: sources are asked for one after another.
  yield * writeZip(enveloped(), { signal, onEntry: record => { stored.push(record) } })
}

function stores (path: string, read: () => Bytes): ZipSource {
  return { path, method: 'store', read }
}
