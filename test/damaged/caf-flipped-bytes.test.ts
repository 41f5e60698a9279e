import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importArchive } from '../../src/caf/archive-import.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { isBackupError } from '../../src/errors.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, noise, rowsContent } from '../caf/sample-snapshot.ts'
import { MemoryBlobs } from '../caf/memory-blobs.ts'
import { sealed } from './reworked-archive.ts'

const CODES = ['ARCHIVE_INVALID', 'ARCHIVE_UNSAFE', 'ARCHIVE_CORRUPT', 'ARCHIVE_TOO_LARGE', 'FORMAT_UNKNOWN'] as const

let folder: string
let whole: Buffer
let wanted: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-flip-'))
  const { root, blobs } = await buildSnapshot([
    artifact('db/rows/public.t', 'pg.rows', rowsContent(`1\t${noise('long', 35_000).toString('hex')}\n2\tshort\n`, ['id', 'text'], [{ order: 'integer' }]), { attributes: { schema: 'public', table: 't' } }),
    artifact('f/tree', 'files', filesContent([{ path: 'a' }, { path: 'a/b', bytes: 'some text' }])),
    artifact('m/matrix/x', 'matrix', bytesContent('numbers'), { attributes: { name: 'x' } }),
  ], { chunker: { min: 16_384, average: 65_536, max: 262_144 } })
  const path = join(folder, 'whole.caf')
  await writeArchive({ snapshot: root, blobs }, createWriteStream(path))
  whole = await readFile(path)
  wanted = (await imported(whole)).addresses
})
afterAll(async () => { await rm(folder, { recursive: true }) })

/** What an import of these bytes brings; rejects with what it throws. */
async function imported (bytes: Uint8Array): Promise<MemoryBlobs> {
  const path = join(folder, 'damaged.caf')
  await writeFile(path, bytes)
  const archive = await openArchive(path)
  try {
    const blobs = new MemoryBlobs()
    await importArchive({ archive, blobs })
    return blobs
  } finally {
    await archive.close()
  }
}

async function outcomeOf (bytes: Uint8Array): Promise<unknown> {
  return await imported(bytes).catch((error: unknown) => error)
}

function flipped (position: number, mask: number): Buffer {
  const bytes = Buffer.from(whole)
  bytes[position]! ^= mask
  return bytes
}

/** Every n-th byte outside of the long value, and some in it; with SLOW=1 every byte. */
function positions (step: number): number[] {
  const all = Array.from({ length: whole.length }, (_, i) => i)
  if (process.env['SLOW'] === '1') return all
  const start = whole.indexOf('graph/data/public.t.copy') + 200
  return all.filter(i => i < start || i > start + 36_000 ? i % step === 0 : i % 997 === 0)
}

describe('an archive of which one byte changed', () => {
  it('is refused, whichever byte it is', { timeout: 3_600_000 }, async () => {
    for (const position of positions(17)) {
      const outcome = await outcomeOf(flipped(position, 1 << (position % 8)))
      expect(isBackupError(outcome, ...CODES), `byte ${position}: ${String(outcome)}`).toBe(true)
    }
  })

  it('is refused or brings the same when whoever changed it sealed it again', { timeout: 3_600_000 }, async () => {
    const codes = new Map<string, number>()
    const tried = positions(29)
    for (const position of tried) {
      const outcome = await outcomeOf(sealed(flipped(position, 1 << (position % 8))))
      if (outcome instanceof MemoryBlobs) expect(outcome.addresses, `byte ${position}`).toEqual(wanted)
      else expect(isBackupError(outcome, ...CODES), `byte ${position}: ${String(outcome)}`).toBe(true)
      const code = isBackupError(outcome) ? outcome.code : 'none'
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    // Times, attributes and the like of ZIP may change; contents may not.
    expect(codes.get('ARCHIVE_CORRUPT')).toBeGreaterThan(tried.length / 2)
  })
})

describe('an archive that is cut short', () => {
  it('is refused, wherever it ends', async () => {
    for (let length = 0; length < whole.length; length += length < 200 || length > whole.length - 300 ? 3 : 499) {
      const outcome = await outcomeOf(whole.subarray(0, length))
      expect(isBackupError(outcome, ...CODES), `${length} bytes: ${String(outcome)}`).toBe(true)
    }
  })

  it('is refused with bytes after its end, or before its beginning', async () => {
    for (const bytes of [Buffer.concat([whole, Buffer.from('x')]), Buffer.concat([Buffer.from('x'), whole]), Buffer.concat([whole, whole])]) {
      const outcome = await outcomeOf(bytes)
      expect(isBackupError(outcome, ...CODES), String(outcome)).toBe(true)
    }
  })
})
