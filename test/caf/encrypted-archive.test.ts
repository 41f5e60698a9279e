import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestContext } from 'vitest'
import type { ArchiveEncryption } from '../../src/caf/age-keys.ts'
import { importArchive } from '../../src/caf/archive-import.ts'
import type { ArchiveReader, OpenArchiveOptions } from '../../src/caf/archive-reader.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { loadSnapshot } from '../../src/caf/snapshot-nodes.ts'
import { ZipReader } from '../../src/caf/zip-reader.ts'
import { padmeSize } from '../../src/cas/padme.ts'
import { sameContent } from '../../src/dag/content.ts'
import { walk } from '../../src/dag/walk.ts'
import { collect } from '../../src/stream.ts'
import { MemoryBlobs } from './memory-blobs.ts'
import type { BuiltSnapshot } from './sample-snapshot.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, rowsContent, sampleArtifacts, SMALL } from './sample-snapshot.ts'

const SECRET = 'quite "long" and $trange, as a JWT_SECRET is'

let folder: string
let built: BuiltSnapshot
let plain: string
let path: string
let recipientKey: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-encrypted-'))
  built = await buildSnapshot(sampleArtifacts())
  recipientKey = await generateX25519Identity()
  plain = await write('plain.caf', undefined)
  path = await write('sample.caf', { secret: SECRET, recipients: [await identityToRecipient(recipientKey)] })
})
afterAll(async () => { await rm(folder, { recursive: true }) })

async function write (name: string, encryption: ArchiveEncryption | undefined, { root, blobs } = built): Promise<string> {
  const file = join(folder, name)
  await writeArchive({ snapshot: root, blobs, encryption }, createWriteStream(file))
  return file
}

async function using<T> (file: string, options: OpenArchiveOptions, work: (archive: ArchiveReader) => Promise<T>): Promise<T> {
  const archive = await openArchive(file, options)
  try {
    return await work(archive)
  } finally {
    await archive.close()
  }
}

async function bytesOfEntry (archive: Pick<ArchiveReader, 'read'>, entry: string): Promise<Buffer> {
  return Buffer.from(await collect(archive.read(entry), { limit: 10_000_000 }))
}

/** Every byte that is in an archive for who can open it. */
async function everything (file: string, options: OpenArchiveOptions): Promise<Buffer> {
  return await using(file, options, async archive => {
    const entries = await Promise.all(archive.manifest.entries.map(async entry => await bytesOfEntry(archive, entry.path)))
    return Buffer.concat([Buffer.from(JSON.stringify(archive.manifest)), ...entries])
  })
}

function skipWithout (programs: readonly string[], context: TestContext): void {
  for (const program of programs) {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    } catch {
      context.skip(`there is no ${program}`)
    }
  }
}

describe('an encrypted archive', () => {
  it.each([['the secret', () => ({ secret: SECRET })], ['the key of a recipient', () => ({ identity: recipientKey })]])('gives an empty repository the same root and blobs with %s', async (_, key) => {
    const blobs = new MemoryBlobs()
    const { root } = await using(path, key(), async archive => await importArchive({ archive, blobs }))
    expect(root.toString()).toBe(built.root.toString())
    expect(blobs.addresses).toEqual((await Array.fromAsync(walk([built.root], built.blobs), ({ address }) => address)).sort())
  })

  it('has the manifest and the entries of the one that is not encrypted', async () => {
    await using(path, { secret: SECRET }, async archive => {
      await using(plain, {}, async other => {
        expect(archive.manifest).toEqual(other.manifest)
        for (const entry of other.manifest.entries) expect((await bytesOfEntry(archive, entry.path)).equals(await bytesOfEntry(other, entry.path)), entry.path).toBe(true)
      })
    })
  })

  it('gives each content back as a source would, also of those that share an entry', async () => {
    const { nodes } = await loadSnapshot(built.root, built.blobs)
    await using(path, { secret: SECRET }, async archive => {
      await Promise.all(nodes.map(async ({ node }) => {
        expect(await sameContent(archive.content(node), node.content, node.hash, { seed: Buffer.alloc(16), chunker: SMALL }), node.id).toBe(true)
      }))
    })
  })

  it('shows neither how many entries it has nor how long each is', async () => {
    const zip = await ZipReader.open(path)
    const entries = [...zip.entries]
    await zip.close()
    expect(entries.map(entry => entry.path)).toEqual(['README.txt', 'identity.age', 'archive.caf.age', 'manifest.json'])
    const header = 16 + 200 + 2 * 150 // the nonce, the MAC, and a stanza for each recipient, or more
    const { sizeBytes } = entries[2]!
    const plainBytes = sizeBytes - Math.ceil(sizeBytes / 65_552) * 16
    const wanted = padmeSize((await stat(plain)).size)
    expect(plainBytes).toBeGreaterThan(wanted)
    expect(plainBytes).toBeLessThan(wanted + header)
  })

  it('takes no more room than the one that is not encrypted, but for an eighth', async () => {
    const [sealed, open] = await Promise.all([path, plain].map(async file => (await stat(file)).size))
    expect(sealed!).toBeLessThan(open! * 1.13 + 5_000)
  })

  it('is another one each time it is written', async () => {
    const again = await write('again.caf', { secret: SECRET })
    const [one, two] = await Promise.all([path, again].map(async file => await readFile(file)))
    expect(one!.equals(two!)).toBe(false)
    const identities = await Promise.all([path, again].map(async file => {
      const zip = await ZipReader.open(file)
      const bytes = Buffer.from(await collect(zip.read('identity.age'), { limit: 10_000 }))
      await zip.close()
      return bytes.toString('base64')
    }))
    expect(new Set(identities).size).toBe(2)
  })

  it('reports how far it has come', async () => {
    const read: number[] = []
    await using(path, { secret: SECRET }, async archive => await archive.verify({ onProgress: ({ doneBytes, totalBytes }) => { read.push(doneBytes / totalBytes) } }))
    expect(read.at(-1)).toBe(1)
    expect(Math.max(...read)).toBe(1)
  })
})

describe('an encrypted archive that is not finished', () => {
  it('destroys its output and says what is missing', async () => {
    const [first] = built.blobs.addresses
    const output = new PassThrough().resume()
    const blobs = { get: async (address: string) => address === first ? undefined : await built.blobs.get(address) }
    await expect(writeArchive({ snapshot: built.root, blobs, encryption: { secret: SECRET } }, output)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    expect(output.destroyed).toBe(true)
  })

  it.each([1, 40, 200])('stops when it is told to after %d pieces', async count => {
    const abort = new AbortController()
    let pieces = 0
    const onProgress = (): void => { if (++pieces === count) abort.abort() }
    const output = new PassThrough().resume()
    await expect(writeArchive({ snapshot: built.root, blobs: built.blobs, encryption: { secret: SECRET }, signal: abort.signal, onProgress }, output)).rejects.toMatchObject({ name: 'AbortError' })
    expect(output.destroyed).toBe(true)
  })

  it('is not begun for a recipient that is none', async () => {
    const output = new PassThrough().resume()
    await expect(writeArchive({ snapshot: built.root, blobs: built.blobs, encryption: { secret: SECRET, recipients: ['age1nobody'] } }, output)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('is not read on when reading is stopped', async () => {
    const abort = new AbortController()
    await using(path, { secret: SECRET }, async archive => {
      await expect(archive.verify({ signal: abort.signal, onProgress: () => { abort.abort() } })).rejects.toMatchObject({ name: 'AbortError' })
    })
  })
})

describe('who has no key', () => {
  it('is told that there must be one', async () => {
    await expect(openArchive(path)).rejects.toMatchObject({ code: 'KEY_NEEDED' })
  })

  it.each([
    ['another secret', () => ({ secret: 'another secret of more than 32 bytes' })],
    ['the secret without its last character', () => ({ secret: SECRET.slice(0, -1) })],
    ['an empty secret', () => ({ secret: '' })],
  ])('gets the same answer for %s', async (_, key) => {
    const error: unknown = await openArchive(path, key()).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'KEY_WRONG', message: `${path} cannot be opened: it was made with another secret`, data: { path } })
    expect((error as Error).cause).toBeUndefined()
  })

  it('is refused with the identity of somebody else', async () => {
    await expect(openArchive(path, { identity: await generateX25519Identity() })).rejects.toMatchObject({ code: 'KEY_WRONG' })
  })

  it('is refused with what is no identity, which is not repeated', async () => {
    const error: unknown = await openArchive(path, { identity: 'AGE-SECRET-KEY-1HIDDEN' }).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'INVALID_OPTION' })
    expect((error as Error).cause).toBeUndefined()
    expect(String(error)).not.toContain('HIDDEN')
  })

  it('reads nothing of what is in it', async () => {
    const words = ['flamingos', 'public.flamingos', 'ana@example.org', 'Kleopatra', 'moonbase', 'quarterly closing', 'before-the-audit', 'remembrances', 'eigenvectors', 'payroll.xlsx', 'oracle-agent', 'pg.rows', 'generator of the tests']
    const telling = await buildSnapshot([
      artifact('db/rows/public.flamingos', 'pg.rows', rowsContent('1\tana@example.org\tKleopatra\n', ['id', 'mail', 'name'], [{ order: 'integer' }]), { attributes: { schema: 'public', table: 'flamingos' } }),
      artifact('mind/collection/remembrances', 'qdrant.collection', bytesContent('points'), { attributes: { collection: 'remembrances', points: 12_345 } }),
      artifact('pca/matrix/eigenvectors', 'matrix', bytesContent('numbers'), { attributes: { name: 'eigenvectors' } }),
      artifact('f/tree', 'files', filesContent([{ path: 'moonbase' }, { path: 'moonbase/payroll.xlsx', bytes: 'quarterly closing' }])),
      artifact('agents/output/oracle-agent', 'agent.output', bytesContent('"before-the-audit"'), { attributes: { output: 'oracle-agent' } }),
    ])
    const file = join(folder, 'telling.caf')
    await writeArchive({ snapshot: telling.root, blobs: telling.blobs, generator: 'generator of the tests', encryption: { secret: SECRET } }, createWriteStream(file))
    const inside = await everything(file, { secret: SECRET })
    const outside = await readFile(file)
    const root = [telling.root.toString(), Buffer.from(telling.root.multihash.digest), Buffer.from(telling.root.multihash.digest).toString('hex')]
    for (const word of [...words, 'sample', 'A sample “snapshot”', '12345', '0123456789abcdef0123456789abcdef', '2026-11-21']) {
      expect(inside.includes(word), word).toBe(true)
      expect(outside.includes(word), word).toBe(false)
    }
    for (const form of root) expect(outside.includes(form)).toBe(false)
    for (const secret of [SECRET, Buffer.from(SECRET).toString('base64'), 'AGE-SECRET-KEY']) expect(outside.includes(secret)).toBe(false)
  })
})

describe('who has a key', () => {
  it('may give the text of a file with several', async () => {
    await using(path, { identity: `# created: today\n# public key: age1…\n${await generateX25519Identity()}\r\n\n${recipientKey}\n` }, async archive => { await archive.verify() })
  })

  it('is asked for the secret only when it is needed', async () => {
    let asked = 0
    const secret = async (): Promise<string> => {
      asked++
      return SECRET
    }
    await using(plain, { secret }, async archive => { await archive.verify() })
    expect(asked).toBe(0)
    await using(path, { secret }, async archive => { await archive.verify() })
    expect(asked).toBe(1)
  })
})

describe('an encrypted archive without this program', () => {
  it('opens as its README.txt says', async context => {
    skipWithout(['unzip', 'age', 'jq', 'script'], context)
    const work = await mkdtemp(join(folder, 'by-hand-'))
    const readme = execFileSync('unzip', ['-p', path, 'README.txt'], { encoding: 'utf8' })
    const commands = [...readme.matchAll(/^ {4}(.*)$/gm)].map(([, line]) => line)
    await writeFile(join(work, 'commands.sh'), ['set -e', ...commands].join('\n'))
    execFileSync('cp', [path, join(work, 'archive.caf')])
    // age asks on the terminal.
    execFileSync('script', ['-qec', 'sh commands.sh', '/dev/null'], { cwd: work, input: `${SECRET}\n` })
    await using(plain, {}, async archive => {
      expect(JSON.parse(await readFile(join(work, 'archive/plain/manifest.json'), 'utf8'))).toMatchObject(archive.manifest)
      const files = archive.manifest.entries.filter(entry => !entry.path.endsWith('/'))
      expect(files.length).toBeGreaterThan(300)
      for (const entry of files) expect((await readFile(join(work, 'archive/plain', entry.path))).equals(await bytesOfEntry(archive, entry.path)), entry.path).toBe(true)
    })
    execFileSync('unzip', ['-tq', join(work, 'archive/plain.caf')]) // and has nothing to say about it
    await using(join(work, 'archive/plain.caf'), {}, async archive => { await archive.verify() })
  })

  it('opens with the key of a recipient', async context => {
    skipWithout(['unzip', 'age'], context)
    const work = await mkdtemp(join(folder, 'recipient-'))
    execFileSync('unzip', ['-q', path, '-d', work])
    await writeFile(join(work, 'key.txt'), recipientKey)
    const decrypted = (name: string): Buffer => execFileSync('age', ['-d', '-i', 'key.txt', name], { cwd: work, maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] })
    await using(plain, {}, async archive => {
      await writeFile(join(work, 'plain.caf'), decrypted('archive.caf.age'))
      expect(execFileSync('unzip', ['-p', 'plain.caf', 'dag.car'], { cwd: work, maxBuffer: 2 ** 26 }).equals(await bytesOfEntry(archive, 'dag.car'))).toBe(true)
      expect(() => decrypted('identity.age')).toThrow()
    })
  })
})

describe('a large entry', () => {
  it('is encrypted and read again in memory that does not grow with it', async () => {
    const length = 128 * 1024 * 1024
    const large = await buildSnapshot([artifact('f/tree', 'files', filesContent([{ path: 'large', bytes: Buffer.alloc(1) }, { path: 'zero', bytes: Buffer.alloc(length, 'the same over and over ') }]))], { chunker: { min: 16_384, average: 65_536, max: 262_144 } })
    globalThis.gc?.()
    const before = process.memoryUsage()
    let peak = 0
    const sample = (): void => { peak = Math.max(peak, process.memoryUsage().arrayBuffers - before.arrayBuffers) }
    const file = join(folder, 'large.caf')
    await writeArchive({ snapshot: large.root, blobs: large.blobs, encryption: { secret: SECRET }, onProgress: sample }, createWriteStream(file))
    await using(file, { secret: SECRET }, async archive => {
      for await (const _ of archive.read('storage/zero')) sample()
    })
    expect(peak).toBeLessThan(length / 2)
  })
})
