import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ArchiveKey } from '../../src/caf/age-keys.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import type { ArchiveManifest } from '../../src/caf/manifest.ts'
import { encodeManifest } from '../../src/caf/manifest.ts'
import { encodeDocument } from '../../src/caf/manifest-document.ts'
import { isBackupError } from '../../src/errors.ts'
import { encryptEntries, writeEntries } from '../caf/format-1.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, noise, rowsContent } from '../caf/sample-snapshot.ts'
import { entriesOf, imported } from './imported-archive.ts'
import type { Entries } from './imported-archive.ts'

const SECRET = 'the secret of all archives of these tests'
const INNER = 'manifest.json.age'
/** Where `write` puts the entries that tests change. */
const DAG = 'entries/0001.age', MATRIX = 'entries/0007.age', FOLDER = 'entries/0008.age', FILE = 'entries/0009.age', TWIN = 'entries/0010.age'

let folder: string
let recipientKey: string
let recipient: string
let whole: string
let other: string
let wanted: readonly string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-tampered-'))
  recipientKey = await generateX25519Identity()
  recipient = await identityToRecipient(recipientKey)
  whole = await write('whole.caf', 'apple')
  other = await write('other.caf', 'berry')
  const manifest = await manifestOf(whole)
  expect([1, 7, 8, 9, 10].map(n => manifest.entries[n - 1]!.path)).toEqual(['dag.car', 'matrices/x.npy', 'storage/a/', 'storage/a/b', 'storage/a/c'])
  wanted = (await imported(whole, { secret: SECRET }, wanted)).addresses
})
afterAll(async () => { await rm(folder, { recursive: true }) })

async function write (name: string, word: string, more = 0): Promise<string> {
  const { root, blobs } = await buildSnapshot([
    artifact('db/rows/public.t', 'pg.rows', rowsContent(`1\t${word}\n`, ['id', 'text'], [{ order: 'integer' }]), { attributes: { schema: 'public', table: 't' } }),
    artifact('m/matrix/x', 'matrix', bytesContent(noise(word, 150_000)), { attributes: { name: 'x' } }),
    artifact('f/tree', 'files', filesContent([{ path: 'a' }, { path: 'a/b', bytes: word }, { path: 'a/c', bytes: word.toUpperCase() }, ...Array.from({ length: more }, (_, i) => ({ path: `a/d${i}`, bytes: '' }))])),
  ])
  const path = join(folder, name)
  await writeArchive({ snapshot: root, blobs }, createWriteStream(`${path}.open`))
  await encryptEntries(`${path}.open`, path, { secret: SECRET, recipients: [recipient] })
  return path
}

async function manifestOf (path: string): Promise<ArchiveManifest> {
  const archive = await openArchive(path, { secret: SECRET })
  await archive.close()
  return archive.manifest
}

/** Writes the entries as somebody does who knows the format: lists, hashes and seal are right. */
async function rewritten (entries: Entries, envelope?: Uint8Array): Promise<string> {
  const path = join(folder, 'tampered.caf')
  await writeEntries(entries, path, envelope)
  return path
}

async function changed (change: (entries: Entries) => void | Promise<void>): Promise<string> {
  const entries = await entriesOf(whole)
  await change(entries)
  return await rewritten(entries)
}

/** As a recipient can, who knows their own recipient but not the archive's. */
async function forRecipient (bytes: Uint8Array): Promise<Buffer> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(recipient)
  return Buffer.from(await encrypter.encrypt(bytes))
}

async function withPassphrase (text: string): Promise<Buffer> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(SECRET)
  encrypter.setScryptWorkFactor(12)
  return Buffer.from(await encrypter.encrypt(text))
}

const KEYS = (): readonly ArchiveKey[] => [{ secret: SECRET }, { identity: recipientKey }]
const swap = (a: string, b: string) => (entries: Entries): void => {
  const [one, two] = [entries.get(a)!, entries.get(b)!]
  entries.set(a, two)
  entries.set(b, one)
}
const take = (path: string, from: string = path) => async (entries: Entries): Promise<void> => { entries.set(path, (await entriesOf(other)).get(from)!) }

describe('an encrypted archive of format 1 changed by somebody who knows the format', () => {
  it('is taken when nothing was changed', async () => {
    const path = await changed(() => {})
    for (const key of KEYS()) expect((await imported(path, key, wanted)).addresses).toEqual(wanted)
  })

  it.each<[string, (entries: Entries) => void | Promise<void>]>([
    ['a bit of an entry', entries => { entries.get(FILE)![entries.get(FILE)!.length - 20]! ^= 1 }],
    ['a bit of an entry’s header', entries => { entries.get(FILE)![60]! ^= 1 }],
    ['a bit in the middle of a large entry', entries => { entries.get(MATRIX)![100_000]! ^= 1 }],
    ['a large entry cut off between two pieces', entries => { entries.set(MATRIX, entries.get(MATRIX)!.subarray(0, -(150_000 % 65_536) - 16)) }],
    ['an entry cut off', entries => { entries.set(FILE, entries.get(FILE)!.subarray(0, -1)) }],
    ['an entry with a byte more', entries => { entries.set(FILE, Buffer.concat([entries.get(FILE)!, Buffer.from('x')])) }],
    ['an empty entry', entries => { entries.set(FILE, Buffer.alloc(0)) }],
    ['two entries of one size swapped', swap(FILE, TWIN)],
    ['two entries swapped', swap(DAG, FILE)],
    ['a folder in the place of a file', swap(FOLDER, FILE)],
    ['one entry twice', entries => { entries.set(TWIN, entries.get(FILE)!) }],
    ['an entry of another archive', take(FILE)],
    ['the DAG of another archive', take(DAG)],
    ['the manifest of another archive', take(INNER)],
    ['an entry in the place of the manifest', swap(FILE, INNER)],
    ['an entry less', entries => { entries.delete(`entries/${String([...entries].length - 3).padStart(4, '0')}.age`) }],
    ['an entry less in the middle', entries => { entries.delete(FILE) }],
    ['another name of an entry', entries => { entries.set('entries/9.age', entries.get(FILE)!) }],
    ['no README', entries => { entries.delete('README.txt') }],
    ['no identity', entries => { entries.delete('identity.age') }],
    ['no manifest', entries => { entries.delete(INNER) }],
    ['entries in another order', entries => {
      const identity = entries.get('identity.age')!
      entries.delete('identity.age')
      entries.set('identity.age', identity)
    }],
  ])('is refused with %s', async (_, change) => {
    const path = await changed(change)
    for (const key of KEYS()) await expect(imported(path, key, wanted)).rejects.toMatchObject({ code: expect.stringMatching(/^ARCHIVE_(CORRUPT|TOO_LARGE|INVALID)$/) as string })
  })

  it('is refused with an entry that the encrypted manifest does not list', async () => {
    const path = await changed(entries => {
      const inner = entries.get(INNER)!
      entries.delete(INNER)
      entries.set(`entries/${String(entries.size - 1).padStart(4, '0')}.age`, entries.get(FILE)!).set(INNER, inner)
    })
    for (const key of KEYS()) await expect(imported(path, key, wanted)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT', message: expect.stringContaining('do not belong together') as string })
  })

  it('is refused when manifest and identity are those of another archive with the same secret', async () => {
    const path = await changed(async entries => {
      await take(INNER)(entries)
      await take('identity.age')(entries)
    })
    for (const key of KEYS()) await expect(imported(path, key, wanted)).rejects.toMatchObject({ code: expect.stringMatching(/^ARCHIVE_(CORRUPT|TOO_LARGE|INVALID)$/) as string })
  })

  it.each<[string, (manifest: ArchiveManifest) => object, string]>([
    ['the hash of an entry', manifest => ({ entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, sha256: '0'.repeat(64) } : entry) }), 'ARCHIVE_CORRUPT'],
    ['a larger entry', manifest => ({ entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, size: 6 } : entry) }), 'ARCHIVE_CORRUPT'],
    ['a smaller entry', manifest => ({ entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, size: 4 } : entry) }), 'ARCHIVE_TOO_LARGE'],
    ['a folder with content', manifest => ({ entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, path: 'storage/a/d/' } : entry) }), 'ARCHIVE_INVALID'],
    ['a name that leads out', manifest => ({ entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, path: '../b' } : entry) }), 'ARCHIVE_UNSAFE'],
    ['a name twice', manifest => ({ entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, path: 'STORAGE/A/C' } : entry) }), 'ARCHIVE_UNSAFE'],
    ['the description', () => ({ description: 'better' }), 'ARCHIVE_CORRUPT'],
    ['a later format', () => ({ format: 2 }), 'FORMAT_UNKNOWN'],
    ['encryption again', () => ({ encryption: { scheme: 'age' } }), 'FORMAT_UNKNOWN'],
    ['a project that is no text', () => ({ project: 7 }), 'ARCHIVE_INVALID'],
  ])('is refused with %s in a manifest that one of the recipients made', async (_, change, code) => {
    const manifest = await manifestOf(whole)
    const path = await changed(async entries => { entries.set(INNER, await forRecipient(encodeManifest({ ...manifest, ...change(manifest) }))) })
    await expect(imported(path, { identity: recipientKey }, wanted)).rejects.toMatchObject({ code })
    await expect(imported(path, { secret: SECRET }, wanted)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ['an identity file that holds something else', async () => await withPassphrase('hello'), 'ARCHIVE_CORRUPT'],
    ['an identity file that holds another identity', async () => await withPassphrase(`${await generateX25519Identity()}\n`), 'ARCHIVE_CORRUPT'],
    ['an identity file without end', async () => await withPassphrase('A'.repeat(1_000_000)), 'ARCHIVE_CORRUPT'],
    ['an identity file that is none', () => Buffer.from('hello'), 'ARCHIVE_CORRUPT'],
    ['an identity file for a recipient', async () => await forRecipient(Buffer.from('hello')), 'KEY_WRONG'],
    ['an identity file that costs gigabytes', async () => Buffer.from((await withPassphrase('x')).toString('latin1').replace(' 12\n', ' 31\n'), 'latin1'), 'ARCHIVE_UNSAFE'],
  ])('is refused with %s', async (_, make, code) => {
    const path = await changed(async entries => { entries.set('identity.age', await make()) })
    await expect(imported(path, { secret: SECRET }, wanted)).rejects.toMatchObject({ code })
  })

  it.each<[string, object, string]>([
    ['another scheme', { encryption: { scheme: 'gpg', identity: 'identity.age', manifest: INNER } }, 'FORMAT_UNKNOWN'],
    ['no scheme', { encryption: {} }, 'ARCHIVE_INVALID'],
    ['a word for encryption', { encryption: 'age' }, 'ARCHIVE_INVALID'],
    ['another place of the identity', { encryption: { scheme: 'age', identity: '../identity.age', manifest: INNER } }, 'ARCHIVE_INVALID'],
    ['no encryption', { encryption: null }, 'ARCHIVE_INVALID'],
    ['a later format', { format: 3, encryption: { scheme: 'age' } }, 'FORMAT_UNKNOWN'],
    ['the next format', { format: 2, encryption: { scheme: 'age', identity: 'identity.age', archive: 'archive.caf.age' }, entries: [] }, 'ARCHIVE_CORRUPT'],
    ['no list', { encryption: { scheme: 'age', identity: 'identity.age', manifest: INNER } }, 'ARCHIVE_INVALID'],
  ])('is refused when its open manifest has %s', async (_, members, code) => {
    const path = await rewritten(await entriesOf(whole), encodeDocument({ format: 1, kind: 'caf', ...members }))
    await expect(imported(path, { secret: SECRET }, wanted)).rejects.toMatchObject({ code })
  })
})

describe('an encrypted archive of format 1 of which one byte changed', () => {
  it('is refused, whichever byte it is', { timeout: 3_600_000 }, async () => {
    const bytes = await readFile(whole)
    const path = join(folder, 'flipped.caf')
    const step = process.env['SLOW'] === '1' ? 7 : 997
    const last = bytes.length - 400
    for (let position = 0; position < bytes.length; position += position < 3_000 || position > last ? 41 : step) {
      const flipped = Buffer.from(bytes)
      flipped[position]! ^= 1 << (position % 8)
      await writeFile(path, flipped)
      const outcome: unknown = await imported(path, { identity: recipientKey }, wanted).catch((error: unknown) => error)
      expect(isBackupError(outcome, 'ARCHIVE_INVALID', 'ARCHIVE_UNSAFE', 'ARCHIVE_CORRUPT', 'ARCHIVE_TOO_LARGE', 'FORMAT_UNKNOWN'), `byte ${position}: ${String(outcome)}`).toBe(true)
    }
  })

  it('is not taken for one with another key when what the key opens is damaged', async () => {
    // Its manifest has more bytes than are read at once.
    const bytes = await readFile(await write('many.caf', 'cherry', 500))
    const places: [number, ArchiveKey][] = [[bytes.indexOf('-> scrypt'), { secret: SECRET }], [bytes.lastIndexOf('-> X25519'), { identity: recipientKey }]]
    for (const [start, key] of places) {
      for (let position = start + 10; position < start + 90; position += 7) {
        const flipped = Buffer.from(bytes)
        flipped[position]! ^= 1
        const path = join(folder, 'flipped.caf')
        await writeFile(path, flipped)
        await expect(imported(path, key, wanted), `byte ${position}`).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
      }
    }
  })
})
