import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CarWriter } from '@ipld/car/writer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importArchive } from '../../src/caf/archive-import.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import type { CarBlock } from '../../src/caf/dag-car.ts'
import { ZipReader } from '../../src/caf/zip-reader.ts'
import type { ZipSource } from '../../src/caf/zip-writer.ts'
import { writeZip } from '../../src/caf/zip-writer.ts'
import type { CID } from '../../src/dag/block.ts'
import { bytesOf } from '../../src/stream.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, noise, rowsContent } from '../caf/sample-snapshot.ts'
import { MemoryBlobs } from '../caf/memory-blobs.ts'
import type { Rework } from './reworked-archive.ts'
import { rework, sealed } from './reworked-archive.ts'

let folder: string
let whole: string
let other: string
let blocks: CarBlock[]

const long = noise('long', 40_000).toString('hex')
const sample = (word: string): Parameters<typeof buildSnapshot>[0] => [
  artifact('db/rows/public.t', 'pg.rows', rowsContent(`1\t${long}\n2\t${word}\n3\t${long}\n`, ['id', 'text'], [{ order: 'integer' }]), { attributes: { schema: 'public', table: 't' } }),
  artifact('db/rows/public.heap', 'pg.rows', rowsContent(`a\n${word}\n`, ['text']), { attributes: { schema: 'public', table: 'heap' } }),
  artifact('f/tree', 'files', filesContent([{ path: 'a' }, { path: 'a/b', bytes: word }, { path: 'a/empty', bytes: '' }, { path: 'a/long', bytes: noise('file', 9_000) }])),
  artifact('m/matrix/x', 'matrix', bytesContent(noise(word, 9_000)), { attributes: { name: 'x' } }),
  artifact('m/matrix/small', 'matrix', bytesContent(word), { attributes: { name: 'small' } }),
]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-reworked-'))
  whole = await write('whole.caf', 'apple')
  other = await write('other.caf', 'berry')
  const archive = await openArchive(whole)
  blocks = await Array.fromAsync(archive.blocks())
  await archive.close()
})
afterAll(async () => { await rm(folder, { recursive: true }) })

async function write (name: string, word: string): Promise<string> {
  const { root, blobs } = await buildSnapshot(sample(word))
  const path = join(folder, name)
  await writeArchive({ snapshot: root, blobs }, createWriteStream(path))
  return path
}

async function imported (path: string): Promise<MemoryBlobs> {
  const archive = await openArchive(path)
  const blobs = new MemoryBlobs()
  try {
    await importArchive({ archive, blobs })
    return blobs
  } finally {
    await archive.close()
  }
}

async function reworked (change: Rework): Promise<string> {
  const path = join(folder, 'reworked.caf')
  await rework(whole, path, change)
  return path
}

/** The archive with bytes changed after `mark`, sealed again. */
async function patched (mark: Buffer | string, change: (bytes: Buffer, at: number) => void, { last = false } = {}): Promise<string> {
  const bytes = await readFile(whole)
  const at = last ? bytes.lastIndexOf(mark) : bytes.indexOf(mark)
  expect(at).toBeGreaterThanOrEqual(0)
  change(bytes, at)
  const path = join(folder, 'patched.caf')
  await writeFile(path, sealed(bytes))
  return path
}

async function car (roots: CID[], some: readonly Pick<CarBlock, 'cid' | 'bytes'>[]): Promise<Buffer> {
  const { writer, out } = CarWriter.create(roots)
  const done = Array.fromAsync(out)
  for (const block of some) void writer.put(block)
  void writer.close()
  return Buffer.concat(await done)
}

const set = (path: string, change: (bytes: Buffer) => Buffer) => (entries: Map<string, Buffer>): void => {
  expect(entries.has(path)).toBe(true)
  entries.set(path, change(entries.get(path)!))
}
const replaced = (from: string, to: string) => (bytes: Buffer): Buffer => Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1')

describe('an archive changed by somebody who knows the format', () => {
  it('is taken when nothing was changed', async () => {
    expect((await imported(await reworked({}))).addresses).toEqual((await imported(whole)).addresses)
  })

  it.each<[string, Rework, string]>([
    ['a value in a row', { entries: set('graph/data/public.t.copy', replaced('apple', 'berry')) }, 'node db/rows/public.t'],
    ['a byte of a long value', { entries: set('graph/data/public.t.copy', bytes => Buffer.concat([bytes.subarray(0, 500), Buffer.from('x'), bytes.subarray(501)])) }, 'node db/rows/public.t'],
    ['a row less', { entries: set('graph/data/public.t.copy', bytes => bytes.subarray(0, bytes.indexOf('3\t'))) }, 'node db/rows/public.t'],
    ['a row more', { entries: set('graph/data/public.t.copy', bytes => Buffer.concat([bytes, Buffer.from('4\tx\n')])) }, 'node db/rows/public.t'],
    ['rows in another order', { entries: set('graph/data/public.heap.copy', () => Buffer.from('apple\na\n')) }, 'node db/rows/public.heap'],
    ['no rows', { entries: set('graph/data/public.heap.copy', () => Buffer.alloc(0)) }, 'node db/rows/public.heap'],
    ['a byte of a matrix', { entries: set('matrices/x.npy', bytes => Buffer.concat([bytes.subarray(0, 8_999), Buffer.from('x')])) }, 'node m/matrix/x'],
    ['a byte more in a matrix', { entries: set('matrices/x.npy', bytes => Buffer.concat([bytes, Buffer.from('x')])) }, 'node m/matrix/x'],
    ['a byte more in a matrix of one chunk', { entries: set('matrices/small.npy', bytes => Buffer.concat([bytes, Buffer.from('x')])) }, 'node m/matrix/small'],
    ['a file', { entries: set('storage/a/b', () => Buffer.from('berry')) }, 'node f/tree'],
    ['a byte more in a file', { entries: set('storage/a/long', bytes => Buffer.concat([bytes, Buffer.from('x')])) }, 'node f/tree'],
    ['something in an empty file', { entries: set('storage/a/empty', () => Buffer.from('x')) }, 'node f/tree'],
    ['the mode of a file', { entries: set('storage.tsv', replaced('\t644\t', '\t777\t')) }, 'node f/tree'],
    ['a file that is gone', { entries: entries => entries.delete('storage/a/b') }, 'has no entry storage/a/b'],
    ['contents of two nodes in each other’s place', { manifest: manifest => ({ ...manifest, nodes: manifest.nodes.map(node => ({ ...node, entry: node.entry === 'matrices/x.npy' ? 'matrices/small.npy' : node.entry === 'matrices/small.npy' ? 'matrices/x.npy' : node.entry! })) }) }, 'node m/matrix'],
    ['a hash of a node', { manifest: manifest => ({ ...manifest, nodes: manifest.nodes.map(node => ({ ...node, hash: '0'.repeat(64) })) }) }, 'describe node'],
    ['a node less', { manifest: manifest => ({ ...manifest, nodes: manifest.nodes.slice(1) }) }, 'is not in its manifest'],
    ['a node more', { manifest: manifest => ({ ...manifest, nodes: [...manifest.nodes, { ...manifest.nodes[0]!, id: 'm/matrix/y' }] }) }, 'lists node m/matrix/y'],
    ['the description', { manifest: manifest => ({ ...manifest, description: 'better' }) }, 'describe the snapshot'],
    ['an entry’s hash', { manifest: manifest => ({ ...manifest, entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, sha256: '0'.repeat(64) } : entry) }) }, 'storage/a/b does not hash'],
    ['an entry’s size', { manifest: manifest => ({ ...manifest, entries: manifest.entries.map(entry => entry.path === 'storage/a/b' ? { ...entry, size: 6 } : entry) }) }, 'storage/a/b has 5 bytes'],
    ['an entry that is not listed', { manifest: manifest => ({ ...manifest, entries: manifest.entries.filter(entry => entry.path !== 'storage/a/') }) }, 'storage/a'],
    ['the order of entries', { manifest: manifest => ({ ...manifest, entries: manifest.entries.toReversed() }) }, 'not at its place'],
  ])('is refused with a change of %s', async (_, change, words) => {
    const error: unknown = await imported(await reworked(change)).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'ARCHIVE_CORRUPT', message: expect.stringContaining(words) as string })
  })

  it('is refused when its root is another snapshot’s', async () => {
    const theirs = await openArchive(other)
    await theirs.close()
    const path = await reworked({ manifest: manifest => ({ ...manifest, root: theirs.manifest.root }) })
    await expect(imported(path)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it.each<[string, (all: readonly CarBlock[]) => readonly Pick<CarBlock, 'cid' | 'bytes'>[]]>([
    ['a block less', all => all.slice(0, -1)],
    ['a block less in the middle', all => all.toSpliced(4, 1)],
    ['a block twice', all => [...all, all.at(-1)!]],
    ['two blocks in another order', all => all.toSpliced(2, 2, all[3]!, all[2]!)],
    ['a block under another CID', all => all.with(3, { ...all[3]!, cid: all[4]!.cid })],
    ['a block that has other bytes', all => all.with(3, { ...all[3]!, bytes: all[4]!.bytes })],
    ['no blocks', () => []],
  ])('is refused with %s in its DAG', async (_, change) => {
    const dag = await car([blocks[0]!.cid], change(blocks))
    await expect(imported(await reworked({ entries: set('dag.car', () => dag) }))).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it.each<[string, Buffer]>([
    ['is no CAR', Buffer.from('hello')],
    ['is empty', Buffer.alloc(0)],
  ])('is refused when its DAG %s', async (_, bytes) => {
    await expect(imported(await reworked({ entries: set('dag.car', () => bytes) }))).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it('is refused when the hash in a node’s own block is not its content’s', async () => {
    for (const id of ['m/matrix/x', 'db/rows/public.t', 'db/rows/public.heap', 'f/tree']) {
      const { root, blobs } = await buildSnapshot(sample('apple'), { falsify: (node, right) => node === id ? '0'.repeat(64) : right })
      const path = join(folder, 'false.caf')
      await writeArchive({ snapshot: root, blobs }, createWriteStream(path))
      await expect(imported(path)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT', data: { id } })
    }
  })

  it('is refused with a manifest of a later format, and says so', async () => {
    await expect(imported(await reworked({ manifest: manifest => ({ ...manifest, format: 2 as 1 }) }))).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' })
  })
})

/** Where in the directory record of an entry a member is, from its name. */
const ATTRIBUTES = -8, FLAGS = -38, METHOD = -36, SIZE = -22, STORED_SIZE = -26, OFFSET = -4

describe('an archive whose ZIP structures were changed', () => {
  it.each<[string, string, (bytes: Buffer, at: number) => void, string]>([
    ['a link', 'storage/a/b', (bytes, at) => bytes.writeUInt32LE((0o120777 << 16) >>> 0, at + ATTRIBUTES), 'ARCHIVE_UNSAFE'],
    ['a device', 'storage/a/b', (bytes, at) => bytes.writeUInt32LE((0o060666 << 16) >>> 0, at + ATTRIBUTES), 'ARCHIVE_UNSAFE'],
    ['a way out', 'storage/a/b', (bytes, at) => bytes.write('../../../xb', at), 'ARCHIVE_UNSAFE'],
    ['another name', 'matrices/x.npy', (bytes, at) => bytes.write('matrices/X.NPY', at), 'ARCHIVE_CORRUPT'],
    ['an encrypted entry', 'storage/a/b', (bytes, at) => bytes.writeUInt16LE(bytes.readUInt16LE(at + FLAGS) | 1, at + FLAGS), 'ARCHIVE_INVALID'],
    ['an unknown method', 'storage/a/b', (bytes, at) => bytes.writeUInt16LE(12, at + METHOD), 'ARCHIVE_INVALID'],
    ['entries on each other', 'storage/a/b', (bytes, at) => bytes.writeUInt32LE(0, at + OFFSET), 'ARCHIVE_UNSAFE'],
    ['more stored bytes than there are', 'storage/a/b', (bytes, at) => bytes.writeUInt32LE(0x7fffffff, at + STORED_SIZE), 'ARCHIVE_UNSAFE'],
    ['more plain bytes than listed', 'manifest.json', (bytes, at) => bytes.writeUInt32LE(100, at + SIZE), 'ARCHIVE_TOO_LARGE'],
    ['a manifest of gigabytes', 'manifest.json', (bytes, at) => bytes.writeUInt32LE(0xfffffff0, at + SIZE), 'ARCHIVE_TOO_LARGE'],
    ['fewer plain bytes than listed', 'manifest.json', (bytes, at) => bytes.writeUInt32LE(1_000_000, at + SIZE), 'ARCHIVE_CORRUPT'],
  ])('is refused with %s', async (_, mark, change, code) => {
    await expect(imported(await patched(mark, change, { last: true }))).rejects.toMatchObject({ code })
  })

  it('is refused when an entry gives more than it declares', async () => {
    // A file whose declared size is lowered in directory and manifest alike.
    const path = await reworked({ manifest: manifest => manifest })
    const bytes = await readFile(path)
    const at = bytes.lastIndexOf('storage/a/b')
    bytes.writeUInt32LE(3, at + SIZE)
    bytes.writeUInt32LE(3, at + STORED_SIZE)
    await writeFile(path, sealed(bytes))
    await expect(imported(path)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })

  it('is refused when it is more than the limit allows, before anything is read', async () => {
    await expect(openArchive(whole, { maxPlainBytes: 1_000 })).rejects.toMatchObject({ code: 'ARCHIVE_TOO_LARGE' })
  })

  it('is refused when something follows deflated data', async () => {
    const sources = async function * (): AsyncGenerator<ZipSource> {
      yield { path: 'xy', method: 'deflate', read: () => bytesOf('content') }
    }
    const bytes = Buffer.concat(await Array.fromAsync(writeZip(sources())))
    const descriptor = bytes.indexOf(Buffer.from('504b0708', 'hex'))
    const longer = Buffer.concat([bytes.subarray(0, descriptor), Buffer.from('x'), bytes.subarray(descriptor)])
    const name = longer.lastIndexOf('xy'), end = longer.lastIndexOf(Buffer.from('504b0506', 'hex'))
    longer.writeUInt32LE(longer.readUInt32LE(name + STORED_SIZE) + 1, name + STORED_SIZE)
    longer.writeUInt32LE(longer.readUInt32LE(end + 16) + 1, end + 16)
    const path = join(folder, 'longer.zip')
    await writeFile(path, longer)
    const zip = await ZipReader.open(path)
    await expect(Array.fromAsync(zip.read('xy'))).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
    await zip.close()
  })

  it('is refused when an entry’s own header makes it reach into the next', async () => {
    const path = await patched('storage/a/b', (bytes, at) => bytes.writeUInt16LE(20, at - 2))
    await expect(imported(path)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' })
  })

  it('is refused without a seal', async () => {
    const bytes = await readFile(whole)
    const path = join(folder, 'unsealed.caf')
    const end = bytes.lastIndexOf(Buffer.from('504b0506', 'hex'))
    const eocd = Buffer.from(bytes.subarray(end, end + 22))
    eocd.writeUInt16LE(0, 20)
    await writeFile(path, Buffer.concat([bytes.subarray(0, end), eocd]))
    await expect(imported(path)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  })
})

describe('what is no archive', () => {
  it.each<[string, Buffer, string]>([
    ['an empty file', Buffer.alloc(0), 'ARCHIVE_INVALID'],
    ['a text', Buffer.from('hello'), 'ARCHIVE_INVALID'],
    ['an empty ZIP', Buffer.concat([Buffer.from('504b0506', 'hex'), Buffer.alloc(18)]), 'ARCHIVE_INVALID'],
  ])('is refused: %s', async (_, bytes, code) => {
    const path = join(folder, 'none.caf')
    await writeFile(path, bytes)
    await expect(openArchive(path)).rejects.toMatchObject({ code })
  })

  it.each([['a file that is not there', 'nothing.caf'], ['a folder', '.']])('is refused: %s', async (_, name) => {
    await expect(openArchive(join(folder, name))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
