import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importArchive } from '../../src/caf/archive-import.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { addressOf, chunkCid } from '../../src/dag/block.ts'
import { encodeFileRow, FILE_COLUMNS, FILE_KEY } from '../../src/dag/file-row.ts'
import type { StoredFile } from '../../src/dag/file-row.ts'
import { encodeNode } from '../../src/dag/node.ts'
import { writeTree } from '../../src/dag/tree-writer.ts'
import { nodeOf, noise, snapshotOf } from './sample-snapshot.ts'
import { MemoryBlobs } from './memory-blobs.ts'

const slow = process.env['SLOW'] === '1'
const PIECE = 262_144

/** A file that is one chunk over and over. */
async function repeated (blobs: MemoryBlobs, times: number): Promise<StoredFile> {
  const link = chunkCid((await blobs.put(noise('piece', PIECE))).address)
  return await writeTree(Array.from({ length: times }, () => ({ link, size: PIECE })), { form: 'bytes', blobs })
}

/** A folder with a file of 4.2 GiB and two behind it, all of a kind that is not deflated. */
async function largeSnapshot (blobs: MemoryBlobs): Promise<ReturnType<typeof snapshotOf>> {
  const rows: Buffer[] = []
  const refs = new Map<string, StoredFile['root']>()
  for (const [path, pieces] of [['a.zip', 17_204], ['b.zip', 3], ['c.zip', 5]] as const) {
    const file = await repeated(blobs, pieces)
    refs.set(file.root.toString(), file.root)
    rows.push(Buffer.from(encodeFileRow({ path, type: 'file', mode: 0o644, mtimeNs: 0n, uid: 0, gid: 0, sizeBytes: file.size }, { text: file.root.toString(), length: file.size }).bytes))
  }
  const { address } = await blobs.put(Buffer.concat(rows))
  const tree = await writeTree([{ link: chunkCid(address), size: 22 * PIECE, count: 3, key: Buffer.from('a.zip'), refs: [...refs.values()] }], { form: 'rows', seed: new Uint8Array(16), blobs })
  const content = { form: 'files', ...tree, columns: FILE_COLUMNS, key: FILE_KEY, cut: { bits: 0, seed: new Uint8Array(16) } } as const
  const { cid, bytes } = encodeNode(nodeOf({ id: 'f/tree', kind: 'files', deps: [], attributes: {} }, content, { hash: addressOf(tree.root) }))
  await blobs.put(bytes)
  return await snapshotOf([['f/tree', cid]], { blobs })
}

describe.skipIf(!slow)(`an archive of more than 4 GiB${slow ? '' : ' (skipped: SLOW=1 is not set)'}`, () => {
  it('is written, read by others, verified and imported in bounded memory', { timeout: 3_600_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'caf-large-'))
    let peak = 0
    const sampler = setInterval(() => { peak = Math.max(peak, process.memoryUsage().rss) }, 100)
    try {
      const blobs = new MemoryBlobs()
      const root = await largeSnapshot(blobs)
      const before = process.memoryUsage().rss
      const path = join(folder, 'large.caf')
      await writeArchive({ snapshot: root, blobs }, createWriteStream(path))
      expect((await stat(path)).size).toBeGreaterThan(2 ** 32)
      expect(execFileSync('python3', ['-c', 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.getinfo("storage/a.zip").file_size, len(z.read("storage/c.zip")))', path], { encoding: 'utf8' }))
        .toBe(`${17_204 * PIECE} ${5 * PIECE}\n`)
      const archive = await openArchive(path)
      expect((await importArchive({ archive, blobs: new MemoryBlobs() })).root.toString()).toBe(root.toString())
      await archive.close()
      expect(peak - before).toBeLessThan(300 * 1024 * 1024)
    } finally {
      clearInterval(sampler)
      await rm(folder, { recursive: true })
    }
  })
})
