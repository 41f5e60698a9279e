import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encryptBytes } from '../../src/caf/age-file-writer.ts'
import { createArchiveKeys } from '../../src/caf/age-keys.ts'
import type { ArchiveKey } from '../../src/caf/age-keys.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { encodeEnvelope } from '../../src/caf/envelope.ts'
import { encodeDocument } from '../../src/caf/manifest-document.ts'
import { isBackupError } from '../../src/errors.ts'
import { bytesOf } from '../../src/stream.ts'
import { writeEntries } from '../caf/format-1.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, noise, rowsContent } from '../caf/sample-snapshot.ts'
import { entriesOf, imported } from './imported-archive.ts'
import type { Entries } from './imported-archive.ts'
import { rework, sealed } from './reworked-archive.ts'
import type { Rework } from './reworked-archive.ts'

const SECRET = 'the secret of all archives of these tests'
const ARCHIVE = 'archive.caf.age'
const DAMAGED = /^ARCHIVE_(CORRUPT|TOO_LARGE|INVALID|UNSAFE)$/

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
  wanted = (await imported(whole, { secret: SECRET }, wanted)).addresses
})
afterAll(async () => { await rm(folder, { recursive: true }) })

async function write (name: string, word: string): Promise<string> {
  const { root, blobs } = await buildSnapshot([
    artifact('db/rows/public.t', 'pg.rows', rowsContent(`1\t${word}\n`, ['id', 'text'], [{ order: 'integer' }]), { attributes: { schema: 'public', table: 't' } }),
    artifact('m/matrix/x', 'matrix', bytesContent(noise(word, 150_000)), { attributes: { name: 'x' } }),
    artifact('f/tree', 'files', filesContent([{ path: 'a' }, { path: 'a/b', bytes: word }, { path: 'a/c', bytes: word.toUpperCase() }])),
  ])
  const path = join(folder, name)
  await writeArchive({ snapshot: root, blobs, encryption: { secret: SECRET, recipients: [recipient] } }, createWriteStream(path))
  return path
}

/** Writes the entries as somebody does who knows the format: list, hashes and seal are right. */
async function rewritten (entries: Entries, envelope?: Uint8Array): Promise<string> {
  const path = join(folder, 'tampered.caf')
  const listed = [...entries].map(([name, bytes]) => ({ path: name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }))
  await writeEntries(entries, path, envelope ?? encodeEnvelope(listed))
  return path
}

async function changed (change: (entries: Entries) => void | Promise<void>): Promise<string> {
  const entries = await entriesOf(whole)
  await change(entries)
  return await rewritten(entries)
}

const encrypted = async (bytes: Uint8Array, recipients: readonly string[]): Promise<Buffer> => Buffer.concat(await Array.fromAsync(encryptBytes(bytesOf(bytes), recipients)))

const KEYS = (): readonly ArchiveKey[] => [{ secret: SECRET }, { identity: recipientKey }]
const take = (path: string) => async (entries: Entries): Promise<void> => { entries.set(path, (await entriesOf(other)).get(path)!) }

describe('an encrypted archive changed by somebody who knows the format', () => {
  it('is taken when nothing was changed', async () => {
    const path = await changed(() => {})
    for (const key of KEYS()) expect((await imported(path, key, wanted)).addresses).toEqual(wanted)
  })

  it.each<[string, (entries: Entries) => void | Promise<void>]>([
    ['a bit of the header', entries => { entries.get(ARCHIVE)![60]! ^= 1 }],
    ['a bit in the middle', entries => { entries.get(ARCHIVE)![100_000]! ^= 1 }],
    ['a bit at the end', entries => { entries.get(ARCHIVE)![entries.get(ARCHIVE)!.length - 1]! ^= 1 }],
    ['a byte less', entries => { entries.set(ARCHIVE, entries.get(ARCHIVE)!.subarray(0, -1)) }],
    ['the last piece less', entries => { entries.set(ARCHIVE, entries.get(ARCHIVE)!.subarray(0, -((entries.get(ARCHIVE)!.length - 600) % 65_552))) }],
    ['a byte more', entries => { entries.set(ARCHIVE, Buffer.concat([entries.get(ARCHIVE)!, Buffer.from('x')])) }],
    ['nothing in it', entries => { entries.set(ARCHIVE, Buffer.alloc(0)) }],
    ['no archive in it', entries => { entries.delete(ARCHIVE) }],
    ['no README', entries => { entries.delete('README.txt') }],
    ['no identity', entries => { entries.delete('identity.age') }],
    ['an entry more', entries => { entries.set('more', Buffer.from('more')) }],
    ['entries in another order', entries => {
      const identity = entries.get('identity.age')!
      entries.delete('identity.age')
      entries.set('identity.age', identity)
    }],
  ])('is refused with %s', async (_, change) => {
    const path = await changed(change)
    for (const key of KEYS()) await expect(imported(path, key, wanted)).rejects.toMatchObject({ code: expect.stringMatching(DAMAGED) as string })
  })

  it('is refused with the secret when it is another archive with that secret', async () => {
    await expect(imported(await changed(take(ARCHIVE)), { secret: SECRET }, wanted)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
    await expect(imported(await changed(take('identity.age')), { secret: SECRET }, wanted)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it.each<[string, Rework, string]>([
    ['the hash of an entry', { manifest: manifest => ({ ...manifest, entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, sha256: '0'.repeat(64) } : entry) }) }, 'ARCHIVE_CORRUPT'],
    ['another content', { entries: entries => { entries.set('storage/a/b', Buffer.from('peach')) } }, 'ARCHIVE_CORRUPT'],
    ['a later format', { manifest: manifest => ({ ...manifest, format: 2 as 1 }) }, 'FORMAT_UNKNOWN'],
    ['encryption again', { manifest: manifest => ({ ...manifest, encryption: { scheme: 'age' } as unknown as null }) }, 'FORMAT_UNKNOWN'],
  ])('is refused with %s in an archive that one of the recipients made', async (_, change, code) => {
    const [open, made] = [join(folder, 'open.caf'), join(folder, 'made.caf')]
    const zip = await openArchive(whole, { identity: recipientKey })
    const { root, blobs } = { root: zip.root, blobs: await imported(whole, { identity: recipientKey }, wanted) }
    await zip.close()
    await writeArchive({ snapshot: root, blobs }, createWriteStream(open))
    await rework(open, made, change)
    const bytes = await readFile(made)
    const path = await changed(async entries => { entries.set(ARCHIVE, await encrypted(bytes, [recipient])) })
    await expect(imported(path, { identity: recipientKey }, wanted)).rejects.toMatchObject({ code })
    await expect(imported(path, { secret: SECRET }, wanted)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it('is refused when the archive in it has another seal', async () => {
    const open = join(folder, 'open.caf')
    const blobs = await imported(whole, { secret: SECRET }, wanted)
    const archive = await openArchive(whole, { secret: SECRET })
    await archive.close()
    await writeArchive({ snapshot: archive.root, blobs }, createWriteStream(open))
    const bytes = await readFile(open)
    bytes[12]! ^= 1 // the time of an entry, which nothing else covers
    const path = await changed(async entries => { entries.set(ARCHIVE, await encrypted(bytes, [recipient])) })
    await expect(imported(path, { identity: recipientKey }, wanted)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
    const right = await changed(async entries => { entries.set(ARCHIVE, await encrypted(sealed(bytes), [recipient])) })
    expect((await imported(right, { identity: recipientKey }, wanted)).addresses).toEqual(wanted)
  })

  it.each<[string, () => Promise<Buffer>, string]>([
    ['an identity file of another secret', async () => Buffer.from((await createArchiveKeys({ secret: 'another one' })).identityFile), 'KEY_WRONG'],
    ['an identity file with another identity', async () => Buffer.from((await createArchiveKeys({ secret: SECRET })).identityFile), 'ARCHIVE_CORRUPT'],
    ['an identity file that is none', async () => Buffer.from('hello'), 'ARCHIVE_CORRUPT'],
  ])('is refused with %s', async (_, make, code) => {
    const path = await changed(async entries => { entries.set('identity.age', await make()) })
    await expect(imported(path, { secret: SECRET }, wanted)).rejects.toMatchObject({ code })
  })

  it.each<[string, object, string]>([
    ['another scheme', { encryption: { scheme: 'gpg', identity: 'identity.age', archive: ARCHIVE } }, 'FORMAT_UNKNOWN'],
    ['another place of the archive', { encryption: { scheme: 'age', identity: 'identity.age', archive: '../archive.caf.age' }, entries: [] }, 'ARCHIVE_INVALID'],
    ['the encryption of format 1', { encryption: { scheme: 'age', identity: 'identity.age', manifest: 'manifest.json.age' }, entries: [] }, 'ARCHIVE_INVALID'],
    ['no encryption', { encryption: null }, 'FORMAT_UNKNOWN'],
    ['a later format', { format: 3, encryption: { scheme: 'age' } }, 'FORMAT_UNKNOWN'],
    ['an empty list', { encryption: { scheme: 'age', identity: 'identity.age', archive: ARCHIVE }, entries: [] }, 'ARCHIVE_CORRUPT'],
  ])('is refused when its open manifest has %s', async (_, members, code) => {
    const path = await rewritten(await entriesOf(whole), encodeDocument({ format: 2, kind: 'caf', ...members }))
    await expect(imported(path, { secret: SECRET }, wanted)).rejects.toMatchObject({ code })
  })
})

describe('an encrypted archive of which one byte changed', () => {
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
    const bytes = await readFile(whole)
    const places: [number, ArchiveKey][] = [[bytes.indexOf('-> scrypt'), { secret: SECRET }], [bytes.indexOf('-> X25519'), { identity: recipientKey }]]
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
