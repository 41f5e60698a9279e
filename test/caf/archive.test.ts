import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importArchive } from '../../src/caf/archive-import.ts'
import type { ArchiveReader } from '../../src/caf/archive-reader.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import type { WriteArchiveOptions } from '../../src/caf/archive-writer.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { sameContent } from '../../src/dag/content.ts'
import { loadSnapshot } from '../../src/caf/snapshot-nodes.ts'
import { walk } from '../../src/dag/walk.ts'
import { collect } from '../../src/stream.ts'
import { MemoryBlobs } from './memory-blobs.ts'
import type { BuiltSnapshot } from './sample-snapshot.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, noise, rowsContent, sampleArtifacts, SMALL } from './sample-snapshot.ts'

let folder: string
let built: BuiltSnapshot
let path: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-archive-'))
  built = await buildSnapshot(sampleArtifacts())
  path = await write('sample.caf')
})
afterAll(async () => { await rm(folder, { recursive: true }) })

async function write (name: string, options: Partial<WriteArchiveOptions> = {}): Promise<string> {
  const file = join(folder, name)
  await writeArchive({ snapshot: built.root, blobs: built.blobs, ...options }, createWriteStream(file))
  return file
}

async function using<T> (file: string, work: (archive: ArchiveReader) => Promise<T>): Promise<T> {
  const archive = await openArchive(file)
  try {
    return await work(archive)
  } finally {
    await archive.close()
  }
}

async function textOf (archive: ArchiveReader, entry: string): Promise<string> {
  return Buffer.from(await collect(archive.read(entry), { limit: 10_000_000 })).toString()
}

/** Everything that a snapshot needs. */
async function reachable ({ root, blobs }: BuiltSnapshot): Promise<string[]> {
  return (await Array.fromAsync(walk([root], blobs), ({ address }) => address)).sort()
}

async function imported (file: string): Promise<BuiltSnapshot> {
  const blobs = new MemoryBlobs()
  const { root } = await using(file, async archive => await importArchive({ archive, blobs }))
  expect(blobs.flushed).toBe(true)
  return { root, blobs }
}

describe('an archive', () => {
  it('passes its verification', async () => {
    await using(path, async archive => { await archive.verify() })
  })

  it('gives an empty repository the same root and the same blobs', async () => {
    const { root, blobs } = await imported(path)
    expect(root.toString()).toBe(built.root.toString())
    expect(blobs.addresses).toEqual(await reachable(built))
  })

  it('is the same bytes each time it is written', async () => {
    expect((await readFile(await write('again.caf'))).equals(await readFile(path))).toBe(true)
  })

  it('gives each content back as a source would', async () => {
    const { nodes } = await loadSnapshot(built.root, built.blobs)
    await using(path, async archive => {
      for (const { node } of nodes) {
        expect(await sameContent(archive.content(node), node.content, node.hash, { seed: Buffer.alloc(16), chunker: SMALL }), node.id).toBe(true)
      }
      expect((await Array.fromAsync(archive.nodes(), ({ id }) => id))).toEqual(nodes.map(({ node }) => node.id))
    })
  })

  it('lists its entries in the order of the format, the manifest last', async () => {
    await using(path, async ({ manifest }) => {
      const paths = manifest.entries.map(entry => entry.path).filter(entry => !entry.startsWith('storage/many'))
      expect(paths).toEqual([
        'dag.car', 'graph/database.json', 'graph/schema.sql', 'graph/data/public.People.copy', 'graph/data/public.documents.copy', 'graph/data/public.log.copy',
        'graph/data/public.people~2.copy', 'graph/data/public.wide.copy', 'graph/blobs.copy', 'graph/blobs-owners.copy', 'graph/blobs.sql', 'graph/sequences.sql', 'graph/post.sql', 'graph/restore.sql',
        'vectors/memories.snapshot', 'matrices/basis.npy', 'storage/Docs/', 'storage/Docs/README', 'storage/docs~2/', 'storage/docs~2/100%25%5Codd%0Aname', 'storage/docs~2/README',
        'storage/docs~2/copy of odd', 'storage/docs~2/empty', 'storage/docs~2/readme~2', 'storage/zero.jpg', 'storage.tsv',
        'agents/Plan.json', 'agents/Plan%3A%20%22%C3%BC%2F1%22.json', 'agents/plan~2.json',
      ])
    })
  })

  it('tells about itself in its manifest', async () => {
    const file = await write('named.caf', { brainVersion: '7.1', generator: 'caf 9' })
    await using(file, async ({ manifest }) => {
      expect(manifest).toMatchObject({
        format: 1, kind: 'caf', created: '2026-11-21T08:00:00.000Z', generator: 'caf 9', root: built.root.toString(), snapshot: '0123456789abcdef0123456789abcdef',
        project: 'sample', tags: ['one', 'two'], brainVersion: '7.1', totalMemories: 250, encryption: null,
      })
      expect(manifest.nodes).toHaveLength(sampleArtifacts().length)
    })
  })

  it('has SQL in pg_dump’s order and files as plain text', async () => {
    await using(path, async archive => {
      const schema = await textOf(archive, 'graph/schema.sql')
      expect(schema).toMatch(/^SET [^]*CREATE TYPE [^]*CREATE SCHEMA app;[^]*CREATE TABLE public\.people/)
      expect(await textOf(archive, 'graph/post.sql')).toMatch(/CREATE INDEX [^]*REFRESH MATERIALIZED VIEW/)
      expect(await textOf(archive, 'graph/sequences.sql')).toBe('SELECT pg_catalog.setval(\'"public"."people_id_seq"\', 2999, true); -- {"isCalled":true,"lastValue":"2999"}\n')
      expect(await textOf(archive, 'storage/docs~2/readme~2')).toBe('READ ME')
    })
  })

  it('reports how far it has come', async () => {
    const written: number[] = [], read: number[] = []
    const file = await write('progress.caf', { onProgress: ({ doneBytes, totalBytes }) => { written.push(doneBytes / totalBytes) } })
    await using(file, async archive => await importArchive({ archive, blobs: new MemoryBlobs(), onProgress: ({ doneBytes, totalBytes }) => { read.push(doneBytes / totalBytes) } }))
    expect(written.at(-1)).toBeGreaterThan(0.9)
    expect(read.at(-1)).toBe(1)
    expect(Math.max(...written, ...read)).toBe(1)
  })

  it('fails and destroys its output when a blob is missing', async () => {
    const [first] = await reachable(built)
    const output = new PassThrough().resume()
    const blobs = { get: async (address: string) => address === first ? undefined : await built.blobs.get(address) }
    await expect(writeArchive({ snapshot: built.root, blobs }, output)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    expect(output.destroyed).toBe(true)
  })

  it('stops when it is told to', async () => {
    const abort = new AbortController()
    const onProgress = (): void => { abort.abort() }
    await expect(write('aborted.caf', { signal: abort.signal, onProgress })).rejects.toMatchObject({ name: 'AbortError' })
    await using(path, async archive => {
      await expect(archive.verify({ signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' })
      await expect(importArchive({ archive, blobs: new MemoryBlobs(), signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' })
    })
  })
})

describe('an archive of some nodes', () => {
  const some = new Set(['main/object/SCHEMA app', 'main/object/TABLE public.people', 'main/rows/public.people', 'files/tree'])

  it('is a whole snapshot in itself', async () => {
    const { root, blobs } = await imported(await write('some.caf', { selection: some }))
    const { snapshot, nodes } = await loadSnapshot(root, blobs)
    expect(snapshot.parents.map(String)).toEqual([built.root.toString()])
    expect(new Set(nodes.map(({ node }) => node.id))).toEqual(some)
    expect(await reachable({ root, blobs })).toEqual(blobs.addresses)
  })

  it('is the same for the same choice', async () => {
    const files = await Promise.all(['one.caf', 'two.caf'].map(async name => await readFile(await write(name, { selection: some }))))
    expect(files[0]!.equals(files[1]!)).toBe(true)
  })

  it.each([
    [['main/rows/public.people'], 'DEP_MISSING'],
    [['main/nothing'], 'NODE_MISSING'],
    [[], 'SELECTION_EMPTY'],
  ])('refuses the choice %j with %s', async (ids, code) => {
    await expect(write('refused.caf', { selection: new Set(ids) })).rejects.toMatchObject({ code })
  })
})

describe('an archive of several databases and folders', () => {
  it('keeps them apart', async () => {
    const two = await buildSnapshot(['one', 'two'].flatMap(source => [
      artifact(`${source}/sequence/public.s`, 'pg.sequence', bytesContent('{"isCalled":false,"lastValue":"1"}'), { attributes: { schema: 'public', name: 's' } }),
      artifact(`${source}f/tree`, 'files', filesContent([{ path: 'a', bytes: source }])),
      artifact(`${source}m/matrix/x`, 'matrix', bytesContent(source), { attributes: { name: 'x' } }),
    ]))
    const file = await write('two.caf', { snapshot: two.root, blobs: two.blobs })
    await using(file, async ({ manifest }) => {
      expect(manifest.entries.map(entry => entry.path)).toEqual(expect.arrayContaining([
        'graph/one/sequences.sql', 'graph/two/restore.sql', 'matrices/onem/x.npy', 'storage/onef/a', 'storage.twof.tsv',
      ]))
    })
    expect((await imported(file)).blobs.addresses).toEqual(await reachable(two))
  })

  it('refuses a sequence whose text would run as SQL', async () => {
    const evil = await buildSnapshot([artifact('one/sequence/s', 'pg.sequence', bytesContent('{"isCalled":false,\n"lastValue":"1"}'))])
    await expect(write('evil.caf', { snapshot: evil.root, blobs: evil.blobs })).rejects.toMatchObject({ code: 'NODE_INVALID' })
  })
})

describe('write, then import', () => {
  it('brings back whatever was in it, cut by whatever rule', async () => {
    const value = fc.oneof(fc.string({ maxLength: 20 }), fc.integer({ min: 1, max: 4 }).map(n => noise(`value ${n}`, 40_000).toString('hex')))
    const text = (value: string): string => value.replace(/[\\\t\n\r]/g, char => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[char]!)
    await fc.assert(fc.asyncProperty(
      fc.array(fc.tuple(value, value), { maxLength: 30 }), fc.array(fc.string(), { maxLength: 8 }), fc.boolean(), fc.integer({ min: 0, max: 255 }),
      async (rows, names, keyed, seed) => {
        const lines = rows.map(([a, b], i) => `${i}\t${text(a)}\t${text(b)}\n`).join('')
        const paths = new Set(names.map(name => Buffer.from(name.replaceAll('/', '_').replaceAll('\0', '_')).toString()).filter(name => !['', '.', '..'].includes(name)))
        const snapshot = await buildSnapshot([
          artifact('db/rows/public.t', 'pg.rows', rowsContent(lines, ['id', 'a', 'b'], keyed ? [{ order: 'integer' }] : []), { attributes: { schema: 'public', table: 't' } }),
          artifact('f/tree', 'files', filesContent([...paths].map(name => ({ path: name, bytes: name })))),
        ], { seed: Buffer.alloc(16, seed), chunker: { min: 64 << (seed % 4), average: 256 << (seed % 4), max: 1024 << (seed % 4) } })
        const file = await write('property.caf', { snapshot: snapshot.root, blobs: snapshot.blobs })
        expect((await imported(file)).blobs.addresses).toEqual(await reachable(snapshot))
      },
    ), { numRuns: 20, seed: 1 })
  })
})

describe('other programs', () => {
  const present = (program: string, ...args: string[]): boolean => {
    try {
      execFileSync(program, args, { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }

  it('Info-ZIP finds nothing wrong', context => {
    if (!present('unzip', '-v')) context.skip('there is no unzip')
    expect(execFileSync('unzip', ['-t', path], { encoding: 'utf8' })).toContain('No errors detected')
  })

  it('Python reads the same contents', async context => {
    if (!present('python3', '--version')) context.skip('there is no python3')
    const script = 'import sys, zipfile, hashlib; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None\nfor i in z.infolist(): print(hashlib.sha256(z.read(i)).hexdigest(), i.filename.encode().hex())'
    const lines = execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }).trim().split('\n')
    await using(path, async ({ manifest }) => {
      expect(lines.slice(0, -1)).toEqual(manifest.entries.map(({ path: entry, sha256 }) => `${sha256} ${Buffer.from(entry).toString('hex')}`))
    })
  })
})
