import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { SEAL_LENGTH } from '../../src/caf/archive-seal.ts'
import type { ArchiveManifest } from '../../src/caf/manifest.ts'
import { encodeManifest } from '../../src/caf/manifest.ts'
import { MANIFEST_PATH } from '../../src/caf/manifest-document.ts'
import type { ZipSource } from '../../src/caf/zip-writer.ts'
import { writeZip } from '../../src/caf/zip-writer.ts'
import { bytesOf, collect } from '../../src/stream.ts'

export interface Rework {
  /** Changes the entries, in place; the manifest then lists what is there. */
  readonly entries?: (entries: Map<string, Buffer>) => void
  /** Changes the manifest, which then gets a right integrity. */
  readonly manifest?: (manifest: ArchiveManifest) => ArchiveManifest
}

/** Writes the archive `from` anew with changes, as somebody does who knows the format: hashes and seal are right again. */
export async function rework (from: string, to: string, { entries: change, manifest: describe = same => same }: Rework): Promise<void> {
  const archive = await openArchive(from)
  const entries = new Map<string, Buffer>()
  for (const { path } of archive.manifest.entries) entries.set(path, Buffer.from(await collect(archive.read(path), { limit: 10_000_000 })))
  await archive.close()
  change?.(entries)
  const listed = [...entries].map(([path, bytes]) => ({ path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }))
  const manifest = encodeManifest(describe({ ...archive.manifest, entries: listed }))
  const sources = async function * (): AsyncGenerator<ZipSource> {
    for (const [path, bytes] of [...entries, [MANIFEST_PATH, manifest] as const]) yield { path, method: 'store', ...(path.endsWith('/') ? {} : { read: () => bytesOf(bytes) }) }
  }
  await pipeline(writeZip(sources()), createWriteStream(to))
}

/** The bytes with a right seal. */
export function sealed (bytes: Buffer): Buffer {
  const body = bytes.subarray(0, -SEAL_LENGTH)
  return Buffer.concat([body, Buffer.from(createHash('sha256').update(body).digest('hex'))])
}
