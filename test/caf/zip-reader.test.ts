import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ZipReader } from '../../src/caf/zip-reader.ts'
import { isBackupError } from '../../src/errors.ts'

const corpus = join(import.meta.dirname, '../../../shared/data/zip')
const present = existsSync(corpus)
if (!present) console.warn(`skipped: no corpus of ZIP files in ${corpus}`)

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

describe.skipIf(!present)('ZipReader on the corpus of yauzl', () => {
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
