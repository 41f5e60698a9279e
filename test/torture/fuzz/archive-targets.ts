import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { importArchive } from '../../../src/caf/archive-import.ts'
import { openArchive } from '../../../src/caf/archive-reader.ts'
import { writeArchive } from '../../../src/caf/archive-writer.ts'
import { SEAL_LENGTH } from '../../../src/caf/archive-seal.ts'
import { DAG_PATH, readDag } from '../../../src/caf/dag-car.ts'
import { decodeManifest } from '../../../src/caf/manifest.ts'
import type { ArchiveManifest } from '../../../src/caf/manifest.ts'
import { ZipReader } from '../../../src/caf/zip-reader.ts'
import { writeZip } from '../../../src/caf/zip-writer.ts'
import type { ZipSource } from '../../../src/caf/zip-writer.ts'
import type { CID } from '../../../src/dag/block.ts'
import { bytesOf, collect } from '../../../src/stream.ts'
import { MemoryBlobs } from '../../caf/memory-blobs.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, noise, rowsContent } from '../../caf/sample-snapshot.ts'
import { rework, sealed } from '../../damaged/reworked-archive.ts'
import type { Chance } from '../chance.ts'
import { deepJson, mutateBytes, mutateValue } from './mutation.ts'
import { bytesTarget, madeTarget } from './target.ts'
import type { FuzzTarget } from './target.ts'

/** yauzl's good and bad ZIPs. */
export const ZIP_CORPUS = join(import.meta.dirname, '../../../../shared/data/zip')
const DEEP = 100_000
/** More than any seed unpacks to: a bomb must not get further. */
const MOST_PLAIN_BYTES = 8 * 1024 * 1024

/** Archives and what is in them. `folder` is for the inputs, which readers want as files. */
export async function archiveTargets (folder: string): Promise<FuzzTarget[]> {
  const { root, blobs } = await buildSnapshot(sample())
  const path = join(folder, 'seed.caf')
  await writeArchive({ snapshot: root, blobs }, createWriteStream(path))
  const bytes = await readFile(path)
  const archive = await openArchive(path)
  const car = await collect(archive.read(DAG_PATH), { limit: MOST_PLAIN_BYTES })
  await archive.close()
  return [
    await zipTarget(folder, bytes),
    bytesTarget('archive', [bytes], async input => { await bringIn(folder, input) }, { weight: 4, reseal: sealedIfLong }),
    reworkedTarget(folder, path, archive.manifest),
    bytesTarget('car', [car], async input => { await Array.fromAsync(readDag(bytesOf(input), root)) }),
    manifestTarget(archive.manifest),
    await encryptedTarget(folder, root, blobs),
  ]
}

function sample (): Parameters<typeof buildSnapshot>[0] {
  return [
    artifact('db/rows/public.t', 'pg.rows', rowsContent(`1\t${noise('long', 34_000).toString('hex')}\n2\tb\n3\tc\n`, ['id', 'text'], [{ order: 'integer' }]), { attributes: { schema: 'public', table: 't' } }),
    artifact('f/tree', 'files', filesContent([{ path: 'a' }, { path: 'a/b', bytes: 'hello' }, { path: 'a/empty', bytes: '' }])),
    artifact('m/matrix/x', 'matrix', bytesContent(noise('x', 5_000)), { attributes: { name: 'x' } }),
  ]
}

/** With a right seal, if there is room for one. */
function sealedIfLong (bytes: Buffer): Buffer {
  return bytes.length > 2 * SEAL_LENGTH ? sealed(bytes) : bytes
}

async function bringIn (folder: string, bytes: Uint8Array, options: Parameters<typeof openArchive>[1] = {}): Promise<void> {
  const path = join(folder, 'input.caf')
  await writeFile(path, bytes)
  await bringInFile(path, options)
}

async function bringInFile (path: string, options: Parameters<typeof openArchive>[1] = {}): Promise<void> {
  const archive = await openArchive(path, { maxPlainBytes: MOST_PLAIN_BYTES, ...options })
  try {
    await importArchive({ archive, blobs: new MemoryBlobs() })
  } finally {
    await archive.close()
  }
}

/** The corpus where it is there, bombs, and an archive of ours. */
async function zipTarget (folder: string, own: Buffer): Promise<FuzzTarget> {
  const folders = existsSync(ZIP_CORPUS) ? ['yauzl-success', 'yauzl-failure'] : []
  const paths = folders.flatMap(name => readdirSync(join(ZIP_CORPUS, name)).filter(file => file.endsWith('.zip')).map(file => join(ZIP_CORPUS, name, file)))
  const seeds = [own, await bomb(), ...await Promise.all(paths.map(async path => await readFile(path)))]
  return bytesTarget('zip', seeds, async bytes => {
    const path = join(folder, 'input.zip')
    await writeFile(path, bytes)
    const zip = await ZipReader.open(path, { maxPlainBytes: MOST_PLAIN_BYTES })
    try {
      for (const entry of zip.entries) for await (const piece of zip.read(entry.path)) void piece
    } finally {
      await zip.close()
    }
  })
}

/** Unpacks to much more than is allowed. */
async function bomb (): Promise<Buffer> {
  const sources = async function * (): AsyncGenerator<ZipSource> {
    yield { path: 'zeros', method: 'deflate', read: () => bytesOf(Buffer.alloc(4 * MOST_PLAIN_BYTES)) }
  }
  return Buffer.concat(await Array.fromAsync(writeZip(sources())))
}

/** Written anew by somebody who knows the format: entries or manifest are changed, all hashes are right. */
function reworkedTarget (folder: string, path: string, manifest: ArchiveManifest): FuzzTarget {
  const entries = manifest.entries.map(entry => entry.path).filter(name => !name.endsWith('/'))
  const [from, to] = [path, join(folder, 'reworked.caf')]
  return {
    name: 'archive made anew',
    weight: 2,
    // What is changed, a zero byte, and what it becomes.
    input: (chance: Chance) => chance.oneIn(2)
      ? Buffer.concat([Buffer.from('\0'), Buffer.from(JSON.stringify(mutateValue(manifest, chance)))])
      : Buffer.concat([Buffer.from(`${chance.pick(entries)!}\0`), mutateBytes([Buffer.from('1\t2\n\\@x:1\n'), noise('entry', 300)], chance)]),
    async parse (bytes) {
      const border = bytes.indexOf(0)
      const [entry, content] = [Buffer.from(bytes.subarray(0, border)).toString(), Buffer.from(bytes.subarray(border + 1))]
      if (entry === '') await rework(from, to, { manifest: () => JSON.parse(content.toString()) as ArchiveManifest }).catch(() => undefined) // the writer may refuse it
      else await rework(from, to, { entries: all => { all.set(entry, content) } })
      await bringInFile(to)
    },
  }
}

function manifestTarget (manifest: ArchiveManifest): FuzzTarget {
  const withIntegrity = (text: string): string => `${text.slice(0, -1)},"integrity":"${createHash('sha256').update(text).digest('hex')}"}`
  const deep = withIntegrity(`{"format":1,"kind":"caf","deep":${deepJson(DEEP)}}`)
  return madeTarget('manifest', [withIntegrity(JSON.stringify(manifest)), deep], chance => Buffer.from(withIntegrity(JSON.stringify(mutateValue(manifest, chance)))), bytes => decodeManifest(bytes))
}

/** Opened with an identity: a passphrase takes a tenth of a second. */
async function encryptedTarget (folder: string, snapshot: CID, blobs: MemoryBlobs): Promise<FuzzTarget> {
  const identity = await generateX25519Identity()
  const path = join(folder, 'encrypted.caf')
  await writeArchive({ snapshot, blobs, encryption: { secret: noise('secret', 32).toString('hex'), recipients: [await identityToRecipient(identity)] } }, createWriteStream(path))
  const bytes = await readFile(path)
  return bytesTarget('encrypted archive', [bytes], async input => { await bringIn(folder, input, { identity }) }, { weight: 2, reseal: sealedIfLong })
}
