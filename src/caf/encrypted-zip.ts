import { bytesOf } from '../stream.ts'
import type { Bytes } from '../stream.ts'
import { createArchiveKeys, encryptBytes } from './age-keys.ts'
import type { ArchiveEncryption } from './age-keys.ts'
import { README } from './encrypted-readme.ts'
import { EntryPaths } from './entry-path.ts'
import { encodeEnvelope, encryptedPath, IDENTITY_PATH, INNER_MANIFEST_PATH, README_PATH } from './envelope.ts'
import { MANIFEST_PATH } from './manifest-document.ts'
import { Meter } from './meter.ts'
import type { WriteZipOptions, ZipRecord, ZipSource } from './zip-writer.ts'
import { writeZip } from './zip-writer.ts'

export interface WriteEncryptedZipOptions extends WriteZipOptions {
  readonly encryption: ArchiveEncryption
}

/**
 * As {@link writeZip}, but each source is encrypted and its name hidden; the last source is the manifest. What {@link WriteZipOptions.onEntry} is told are
 * the sources as they are given, not as they are stored. An entry that is encrypted does not get smaller by deflate: neither is used.
 * @throws {BackupError} as {@link writeZip}; `INVALID_OPTION` for what is no recipient, `ARCHIVE_TOO_LARGE`
 */
export async function * writeEncryptedZip (sources: AsyncIterable<ZipSource>, { encryption, signal, onEntry }: WriteEncryptedZipOptions): AsyncGenerator<Uint8Array> {
  const { identityFile, encrypter } = await createArchiveKeys(encryption)
  const stored: ZipRecord[] = []
  const enveloped = async function * (): AsyncGenerator<ZipSource> {
    yield stores(README_PATH, () => bytesOf(README))
    yield stores(IDENTITY_PATH, () => bytesOf(identityFile))
    const paths = new EntryPaths()
    let n = 0
    for await (const { path, read = nothing } of sources) {
      paths.add(path)
      const meter = new Meter()
      yield stores(path === MANIFEST_PATH ? INNER_MANIFEST_PATH : encryptedPath(++n), () => encryptBytes(meter.through(read()), encrypter))
      onEntry?.({ path, ...meter.result() })
    }
    const envelope = encodeEnvelope(stored)
    yield stores(MANIFEST_PATH, () => bytesOf(envelope))
  }
  // The envelope is made when all before it has been recorded: sources are asked for one after another.
  yield * writeZip(enveloped(), { signal, onEntry: record => { stored.push(record) } })
}

function stores (path: string, read: () => Bytes): ZipSource {
  return { path, method: 'store', read }
}

async function * nothing (): AsyncGenerator<Uint8Array> {
  // a folder
}
