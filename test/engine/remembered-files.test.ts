import { appendFileSync, chmodSync, cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { CID, encodeBlock } from '../../src/dag/block.ts'
import type { StoredContent } from '../../src/dag/content.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { RememberedFiles } from '../../src/engine/remembered-files.ts'
import type { RememberedFilesOptions } from '../../src/engine/remembered-files.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import type { CreatedSnapshot, SnapshotRequest } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { filesSource } from '../../src/sources/files/files-source.ts'
import type { FileEntry, Source } from '../../src/sources/source.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { temporaryFolder } from '../sources/files/sample-folder.ts'

/** A clock so far ahead that every file was changed long ago: nobody has to wait. */
const later = (): Date => new Date(Date.now() + 10_000)

let place: Awaited<ReturnType<typeof temporaryFolder>>
let folder: string
let memoryFolder: string
let backend: StorageBackend
let repository: Repository
let read: string[]

beforeEach(async () => {
  place = await temporaryFolder()
  folder = join(place.path, 'stored')
  memoryFolder = join(place.path, 'cache')
  mkdirSync(folder)
  backend = memoryBackend()
  repository = await createRepository(backend)
  read = []
})
afterEach(async () => { await place[Symbol.asyncDispose]() })

/** The folder as source; says which files are read. */
function watched (source: Source): Source {
  return {
    name: source.name,
    async capture (options) {
      const capture = await source.capture(options)
      return {
        async * artifacts (within) {
          for await (const artifact of capture.artifacts(within)) {
            const { content } = artifact
            if (content.form !== 'files') throw new Error('no files')
            yield { ...artifact, content: { form: 'files', entries: options => watchedEntries(content.entries(options)) } }
          }
        },
        finish: async () => await capture.finish(),
        close: async () => { await capture.close() },
      }
    },
  }
}

async function * watchedEntries (entries: AsyncIterable<FileEntry>): AsyncGenerator<FileEntry> {
  for await (const entry of entries) {
    yield entry.read === undefined ? entry : { ...entry, ...watchedReads(entry.path, entry as Required<FileEntry>) }
  }
}

function watchedReads (path: string, { read: bytes, readNow }: Required<FileEntry>): Required<Pick<FileEntry, 'read' | 'readNow'>> {
  return {
    read: options => {
      read.push(path)
      return bytes(options)
    },
    readNow: () => {
      const whole = readNow()
      if (whole !== undefined) read.push(path)
      return whole
    },
  }
}

interface TakeOptions extends Partial<SnapshotRequest> {
  readonly by?: Repository
  readonly of?: string
}

/** A snapshot, and which files were read for it. */
async function take ({ by = repository, of = folder, now = later, ...request }: TakeOptions = {}): Promise<CreatedSnapshot & { readonly read: readonly string[] }> {
  read = []
  const created = await createSnapshot(by, { sources: [watched(filesSource({ folder: of, now }))], description: '', memoryFolder, now, ...request })
  return { ...created, read: read.toSorted() }
}

/** Reads everything, and proves that the last snapshot had the same. */
async function expectSameInFull (): Promise<void> {
  const { unchangedNodes, read } = await take({ memoryFolder: undefined })
  expect([unchangedNodes, read.length > 0]).toEqual([1, true])
}

const put = (name: string, content: string | Uint8Array): void => { writeFileSync(join(folder, name), content) }

/** The only file of memories of the repository. */
function memoryPath (of: Repository = repository): string {
  const below = join(memoryFolder, of.config.id, 'files')
  const [name, ...others] = readdirSync(below)
  expect(others).toEqual([])
  return join(below, name!)
}

describe('what is remembered of files', () => {
  it('leaves unread what is as it was', async () => {
    put('a', 'first')
    put('big', seededBytes(400_000, 'big'))
    put('empty', '')
    symlinkSync('a', join(folder, 'link'))
    expect((await take()).read).toEqual(['a', 'big', 'empty'])
    expect(await take()).toMatchObject({ read: [], unchangedNodes: 1 })
    put('new', 'new')
    chmodSync(join(folder, 'empty'), 0o600)
    appendFileSync(join(folder, 'a'), ' and more')
    expect((await take()).read).toEqual(['a', 'empty', 'new'])
    await expectSameInFull()
    expect((await take()).read).toEqual([])
    expect(await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))).toEqual([])
  })

  it('is not used for a full read, which is remembered in its turn', async () => {
    put('a', 'first')
    await take()
    expect((await take({ fullRead: true })).read).toEqual(['a'])
    expect((await take()).read).toEqual([])
  })

  it('sees a change of the same length whose time was set back', async () => {
    put('a', 'first')
    const { atime, mtime } = statSync(join(folder, 'a'))
    await take()
    put('a', 'other')
    utimesSync(join(folder, 'a'), atime, mtime)
    expect((await take()).read).toEqual(['a'])
    await expectSameInFull()
  })

  it('sees another file of the same length and time in the place of the first', async () => {
    put('a', 'first')
    const { atime, mtime } = statSync(join(folder, 'a'))
    await take()
    writeFileSync(join(place.path, 'other'), 'other')
    utimesSync(join(place.path, 'other'), atime, mtime)
    renameSync(join(place.path, 'other'), join(folder, 'a'))
    expect((await take()).read).toEqual(['a'])
    await expectSameInFull()
  })

  it('is nothing for a file that was changed just before the capture', async () => {
    put('a', 'first')
    const now = (): Date => new Date(Date.now())
    await take({ now })
    expect((await take({ now })).read).toEqual(['a'])
  })

  it('is nothing when the clock was set back since', async () => {
    put('a', 'first')
    const evenLater = (): Date => new Date(Date.now() + 3_600_000)
    await take({ now: evenLater })
    expect((await take()).read).toEqual(['a'])
    expect((await take()).read).toEqual([])
  })

  it('is nothing for another folder with files of the same names, lengths and times', async () => {
    const other = join(place.path, 'other')
    put('a', 'first')
    cpSync(folder, other, { recursive: true, preserveTimestamps: true })
    writeFileSync(join(other, 'a'), 'other')
    const { atime, mtime } = statSync(join(folder, 'a'))
    utimesSync(join(other, 'a'), atime, mtime)
    await take()
    expect((await take({ of: other })).read).toEqual(['a'])
    expect((await take()).read).toEqual(['a'])
    await expectSameInFull()
  })

  it('is nothing for another project', async () => {
    put('a', 'first')
    await take()
    expect((await take({ project: 'other' })).read).toEqual(['a'])
    expect((await take()).read).toEqual([])
  })

  it('is nothing for another repository, not even when its file gets there', async () => {
    put('a', 'first')
    await take()
    const other = await createRepository(memoryBackend())
    expect((await take({ by: other })).read).toEqual(['a'])
    put('b', 'second')
    await take()
    cpSync(memoryPath(), memoryPath(other))
    expect((await take({ by: other })).read).toEqual(['a', 'b'])
    expect(await Array.fromAsync(verifyRepository(other, { readData: 'all' }))).toEqual([])
  })

  it('never leads to anything else, wherever its file is damaged', async () => {
    for (let i = 0; i < 40; i++) put(`file ${i}`, `content ${i}`)
    await take()
    const whole = readFileSync(memoryPath())
    put('file 7', 'something else')
    const damage = fc.oneof(
      fc.record({ at: fc.nat(whole.length - 1), bits: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ length: fc.nat(whole.length - 1) }),
    )
    await fc.assert(fc.asyncProperty(damage, async how => {
      const bytes = Buffer.from(whole)
      if ('at' in how) bytes[how.at]! ^= how.bits
      const repository = await createRepository(memoryBackend())
      renameSync(join(folder, 'file 7'), join(place.path, 'aside'))
      await take({ by: repository })
      renameSync(join(place.path, 'aside'), join(folder, 'file 7'))
      writeFileSync(memoryPath(repository), 'at' in how ? bytes : bytes.subarray(0, how.length))
      expect((await take({ by: repository })).read).toContain('file 7')
      expect(await take({ by: repository, memoryFolder: undefined })).toMatchObject({ unchangedNodes: 1 })
    }), { numRuns: 8, seed: 1 })
  })

  it('is not believed when it names the content of another file', async () => {
    put('a', 'first')
    put('b', 'other')
    await take()
    const text = readFileSync(memoryPath(), 'latin1')
    const [one, two] = [...text.matchAll(/\0(bafk[a-z2-7]+)\0/g)].map(([, root]) => root!)
    writeFileSync(memoryPath(), text.replaceAll(one!, '?').replaceAll(two!, one!).replaceAll('?', two!), 'latin1')
    expect(readFileSync(memoryPath(), 'latin1')).not.toBe(text)
    expect((await take()).read).toEqual(['a', 'b'])
    await expectSameInFull()
  })

  it('is not built on when the snapshot that it is of was forgotten and collected', async () => {
    const empty = join(place.path, 'empty')
    mkdirSync(empty)
    put('a', seededBytes(50_000, 'a'))
    const first = await take()
    const memory = readFileSync(memoryPath())
    await take({ of: empty })
    await applyForget(repository, await planForget(repository, { references: [first.id] }))
    await collectGarbage(repository)
    writeFileSync(memoryPath(), memory)
    expect((await take()).read).toEqual(['a'])
    expect(await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))).toEqual([])
  })

  it('is not built on where a pack was lost: the file is read and stored again', async () => {
    put('big', seededBytes(400_000, 'big'))
    put('small', 'first')
    await take()
    for await (const { key } of backend.list('blobs/')) await backend.delete(key)
    expect((await take()).read).toEqual(['big', 'small'])
    expect((await take()).read).toEqual([])
    await expectSameInFull()
  })

  it('fits only the tree that it is of, and no capture that began before it', async () => {
    const options = { folder: memoryFolder, repository: 'r', project: 'p', writer: { packs: new Set(['one']) } }
    const tree = (root: string): StoredContent => ({ form: 'bytes', root: CID.parse(root), size: 1, count: 0 })
    const [own, other] = ['a', 'b'].map(text => tree(encodeBlock(text).cid.toString())) as [StoredContent, StoredContent]
    const file = { path: 'a', state: 's', root: own.root.toString(), size: 1 }
    const first = new RememberedFiles({ ...options, beginMs: 10 })
    const made = await first.open('files/tree', undefined)
    await made.remember([file])
    made.name(own)
    await first.keep()
    const recall = async (previous: StoredContent, changes: Partial<RememberedFilesOptions> = {}): Promise<unknown> => {
      const memories = new RememberedFiles({ ...options, beginMs: 10, ...changes })
      try {
        const memory = await memories.open('files/tree', previous)
        return [await memory.recall('a', 's'), memory.isIntact]
      } finally {
        await memories.close()
      }
    }
    expect(await recall(own)).toEqual([file, true])
    expect(await recall(own, { writer: { packs: new Set() } })).toEqual([file, false])
    for (const changes of [{ beginMs: 9 }, { fullRead: true }, { project: 'q' }, { repository: 's' }]) expect(await recall(own, changes)).toEqual([undefined, false])
    expect(await recall(other)).toEqual([undefined, false])
  })

  it('is right after two writers at the same time', async () => {
    put('a', 'first')
    await take()
    await Promise.all([take(), take()])
    put('b', 'second')
    await Promise.all([take(), take({ fullRead: true })])
    expect((await take()).read).toEqual([])
    await expectSameInFull()
  })

  it('is cleared of what killed processes left behind, not of what others are writing', async () => {
    put('a', 'first')
    await take()
    const path = memoryPath()
    const [old, fresh] = [`${path}.old.new`, `${path}.fresh.new`]
    for (const leftover of [old, fresh]) writeFileSync(leftover, '')
    utimesSync(old, 1_000_000_000, 1_000_000_000)
    await take()
    expect([old, fresh].map(leftover => existsSync(leftover))).toEqual([false, true])
  })

  it('is lost without harm when its folder cannot be written', async () => {
    put('a', 'first')
    writeFileSync(memoryFolder, 'not a folder')
    await take()
    expect(await take()).toMatchObject({ read: ['a'], unchangedNodes: 1 })
  })

  it('leaves nothing behind when a snapshot fails, and the memory of the one before is still good', async () => {
    put('a', 'first')
    await take()
    const failing: Source = { name: 'other', capture: async () => { throw new Error('no server') } }
    await expect(take({ sources: [watched(filesSource({ folder, now: later })), failing] })).rejects.toThrow('no server')
    memoryPath()
    expect((await take()).read).toEqual([])
  })

  it('gives the same snapshot as reading everything, whatever is done to the files', async () => {
    const name = fc.constantFrom('a', 'b', 'a.b', 'd/a', 'd/b', 'd/\u{1F600}', 'd/\u{FFFD}')
    const step = fc.oneof(
      fc.record({ act: fc.constant('write' as const), name, text: fc.constantFrom('', 'one', 'two', 'six', 'longer text') }),
      fc.record({ act: fc.constant('overwrite' as const), name, text: fc.constantFrom('one', 'two') }),
      fc.record({ act: fc.constantFrom('remove' as const, 'cut' as const, 'mode' as const), name }),
      fc.record({ act: fc.constantFrom('rename' as const, 'link' as const, 'copy' as const), name, to: name }),
    )
    await fc.assert(fc.asyncProperty(fc.array(fc.array(step, { maxLength: 4 }), { minLength: 2, maxLength: 5 }), async rounds => {
      rmSync(folder, { recursive: true })
      mkdirSync(join(folder, 'd'), { recursive: true })
      for (const steps of rounds) {
        for (const one of steps) attempt(() => { act(one) })
        put('always', 'there')
        await take()
        await expectSameInFull()
      }
    }), { numRuns: 8, seed: 1 })
  })
})

type Step = { readonly act: 'write' | 'overwrite', readonly name: string, readonly text: string }
  | { readonly act: 'remove' | 'cut' | 'mode', readonly name: string }
  | { readonly act: 'rename' | 'link' | 'copy', readonly name: string, readonly to: string }

function act (step: Step): void {
  const path = join(folder, step.name)
  switch (step.act) {
    case 'write': return writeFileSync(path, step.text)
    case 'overwrite': {
      const { atime, mtime } = statSync(path)
      writeFileSync(path, step.text)
      return utimesSync(path, atime, mtime)
    }
    case 'remove': return rmSync(path)
    case 'cut': return truncateSync(path, 1)
    case 'mode': return chmodSync(path, statSync(path).mode ^ 0o100)
    case 'rename': return renameSync(path, join(folder, step.to))
    case 'link': return linkSync(path, join(folder, step.to))
    case 'copy': return cpSync(path, join(folder, step.to), { preserveTimestamps: true })
  }
}

/** What cannot be done is left out. */
function attempt (act: () => void): void {
  try {
    act()
  } catch {
    // the file is not there, or is there already
  }
}
