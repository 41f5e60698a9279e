import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { encryptBytes } from '../../src/caf/age-file-writer.ts'
import type { ArchiveEncryption } from '../../src/caf/age-keys.ts'
import { createArchiveKeys } from '../../src/caf/age-keys.ts'
import { encryptedPath, IDENTITY_PATH, INNER_MANIFEST_PATH, README_PATH } from '../../src/caf/envelope.ts'
import { encodeDocument, MANIFEST_PATH } from '../../src/caf/manifest-document.ts'
import { ZipReader } from '../../src/caf/zip-reader.ts'
import type { ZipSource } from '../../src/caf/zip-writer.ts'
import { writeZip } from '../../src/caf/zip-writer.ts'
import { bytesOf } from '../../src/stream.ts'

const ENCRYPTION = { scheme: 'age', identity: IDENTITY_PATH, manifest: INNER_MANIFEST_PATH }

/** Writes entries as an encrypted archive of format 1 with a right list of them; `envelope` is that list instead. */
export async function writeEntries (entries: ReadonlyMap<string, Uint8Array>, path: string, envelope?: Uint8Array): Promise<void> {
  const listed = [...entries].map(([name, bytes]) => ({ path: name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }))
  const manifest = envelope ?? encodeDocument({ format: 1, kind: 'caf', encryption: ENCRYPTION, entries: listed })
  const sources = async function * (): AsyncGenerator<ZipSource> {
    for (const [name, bytes] of [...entries, [MANIFEST_PATH, manifest] as const]) yield { path: name, method: 'store', read: () => bytesOf(bytes) }
  }
  await pipeline(writeZip(sources()), createWriteStream(path))
}

/** Writes an archive that is not encrypted anew, as format 1 encrypted it: each entry by itself. */
export async function encryptEntries (from: string, to: string, encryption: ArchiveEncryption): Promise<void> {
  const { identityFile, recipients } = await createArchiveKeys(encryption)
  const entries = new Map<string, Uint8Array>([[README_PATH, Buffer.from('how it is opened')], [IDENTITY_PATH, identityFile]])
  const zip = await ZipReader.open(from)
  let n = 0
  for (const { path } of zip.entries) {
    entries.set(path === MANIFEST_PATH ? INNER_MANIFEST_PATH : encryptedPath(++n), Buffer.concat(await Array.fromAsync(encryptBytes(zip.read(path), recipients))))
  }
  await zip.close()
  await writeEntries(entries, to)
}
