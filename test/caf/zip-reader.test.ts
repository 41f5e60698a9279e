import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ZipReader } from '../../src/caf/zip-reader.ts'
import type { ZipSource } from '../../src/caf/zip-writer.ts'
import { writeZip } from '../../src/caf/zip-writer.ts'
import { isBackupError } from '../../src/errors.ts'
import { bytesOf } from '../../src/stream.ts'

const corpus = join(import.meta.dirname, '../../../shared/data/zip')
const present = existsSync(corpus)

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-zip-reader-')) })
afterAll(async () => { await rm(folder, { recursive: true }) })

async function readAll (path: string): Promise<number> {
  const zip = await ZipReader.open(path)
  try {
    let bytes = 0
    for (const entry of zip.entries) for await (const piece of zip.read(entry.path)) bytes += piece.length
    return bytes
  } finally {
    await zip.close()
  }
}

/** Files that yauzl opens and that do not belong into an archive. */
const REFUSED: Readonly<Record<string, string>> = {
  'bogus-compression-method.zip': 'ARCHIVE_INVALID',
  'sloppy-filenames.zip': 'ARCHIVE_UNSAFE',
  'traditional-encryption-and-compression.zip': 'ARCHIVE_INVALID',
  'traditional-encryption-and-compression_deprecated.zip': 'ARCHIVE_INVALID',
  'traditional-encryption.zip': 'ARCHIVE_INVALID',
  'traditional-encryption_deprecated.zip': 'ARCHIVE_INVALID',
}

describe.skipIf(!present)(`ZipReader on the corpus of yauzl${present ? '' : ` (skipped: it is not in ${corpus})`}`, () => {
  const names = (folder: string): string[] => present ? readdirSync(join(corpus, folder)) : []

  it.each(names('yauzl-success').filter(name => !(name in REFUSED)))('reads every entry of %s', async name => {
    expect(await readAll(join(corpus, 'yauzl-success', name))).toBeGreaterThanOrEqual(0)
  })

  it.each(Object.entries(REFUSED))('refuses %s with %s', async (name, code) => {
    await expect(readAll(join(corpus, 'yauzl-success', name))).rejects.toMatchObject({ code })
  })

  it.each(names('yauzl-failure'))('refuses %s', async name => {
    const error: unknown = await readAll(join(corpus, 'yauzl-failure', name)).then(() => undefined, (cause: unknown) => cause)
    expect(isBackupError(error, 'ARCHIVE_INVALID', 'ARCHIVE_UNSAFE', 'ARCHIVE_CORRUPT', 'ARCHIVE_TOO_LARGE'), String(error)).toBe(true)
  })
})

describe('ZipReader', () => {
  it.each([
    ['the same name', 'ab', 'ab'],
    ['a name that differs in case', 'ab', 'aB'],
  ])('refuses %s twice', async (_, first, second) => {
    const sources = async function * (): AsyncGenerator<ZipSource> {
      for (const path of [first, 'xy']) yield { path, method: 'store', read: () => bytesOf('content') }
    }
    const bytes = Buffer.concat(await Array.fromAsync(writeZip(sources())))
    bytes.write(second, bytes.lastIndexOf('xy'))
    const path = join(folder, 'twice.zip')
    await writeFile(path, bytes)
    await expect(readAll(path)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' })
  })

  it('refuses an entry whose own header names another file', async () => {
    const sources = async function * (): AsyncGenerator<ZipSource> {
      yield { path: 'ab', method: 'store', read: () => bytesOf('content') }
    }
    const bytes = Buffer.concat(await Array.fromAsync(writeZip(sources())))
    bytes.write('xy', bytes.indexOf('ab'))
    const path = join(folder, 'other.zip')
    await writeFile(path, bytes)
    await expect(readAll(path)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })
})
