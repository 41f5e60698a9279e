import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { filesRestorer } from '../../../src/sources/files/files-restorer.ts'
import type { FilesRestorerOptions } from '../../../src/sources/files/files-restorer.ts'
import { SparseWriter } from '../../../src/sources/files/sparse-writer.ts'
import type { FileEntry, RestoreItem } from '../../../src/sources/source.ts'
import { folderTree, makeTree, openDescriptors, temporaryFolder } from './sample-folder.ts'
import { entry, itemOf, itemOfFolder, listFolder } from './sample-item.ts'

const CLEANUP: AsyncDisposable[] = []
afterEach(async () => { for (const thing of CLEANUP.splice(0)) await thing[Symbol.asyncDispose]() })

/** A temporary folder with the folder `from` in it. */
async function place (): Promise<{ readonly root: string, readonly from: string, readonly to: string }> {
  const made = await temporaryFolder()
  CLEANUP.push(made)
  const from = join(made.path, 'from')
  mkdirSync(from)
  return { root: made.path, from, to: join(made.path, 'to') }
}

async function restore (item: RestoreItem, options: FilesRestorerOptions): Promise<void> {
  const restorer = filesRestorer(options)
  try {
    await restorer.prepare([item])
    await restorer.commit()
  } finally {
    await restorer.abort()
  }
}

function fill (folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

describe('restorer of a folder', () => {
  it('gives back exactly what was captured', async () => {
    await fc.assert(fc.asyncProperty(folderTree, async tree => {
      const { root, from, to } = await place()
      makeTree(from, tree)
      const item = itemOfFolder(from)
      await restore(item, { folder: to })
      expect(await listFolder(to)).toEqual(await listFolder(from))
      expect(await filesRestorer({ folder: to }).holds(item)).toBe(true)
      expect(readdirSync(root).sort()).toEqual(['from', 'to'])
    }), { numRuns: 40, seed: 2 })
  })

  it('makes holes of long runs of zeros, wherever pieces are cut', async () => {
    const { root, to } = await place()
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ fill: fc.constantFrom(0, 0, 7), length: fc.integer({ min: 1, max: 300_000 }) }), { maxLength: 6 }), async runs => {
      const pieces = runs.map(run => Buffer.alloc(run.length, run.fill))
      const handle = await open(join(root, 'file'), 'w')
      const writer = new SparseWriter(handle)
      for (const piece of pieces) await writer.write(piece)
      const length = await writer.end()
      await handle.close()
      const bytes = Buffer.concat(pieces)
      expect(length).toBe(bytes.length)
      expect(readFileSync(join(root, 'file')).equals(bytes)).toBe(true)
    }), { numRuns: 150, seed: 3 })
    const read = async function * (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('begin')
      for (let count = 0; count < 64; count++) yield Buffer.alloc(1 << 20)
      yield Buffer.from('end')
    }
    await restore(itemOf(() => [entry('file', { read, sizeBytes: 8 + (64 << 20) })]), { folder: to })
    expect(statSync(join(to, 'file')).blocks * 512).toBeLessThan(100_000)
  })

  it('writes short runs of zeros, so that a file is not in many parts', async () => {
    const { to } = await place()
    const bytes = Buffer.concat([Buffer.from('begin'), Buffer.alloc(60_000), Buffer.from('end')])
    await restore(itemOf(() => [entry('file', { text: bytes.toString() })]), { folder: to })
    expect(statSync(join(to, 'file')).blocks * 512).toBeGreaterThanOrEqual(bytes.length)
  })

  it('refuses a folder that is there', async () => {
    const { to, root } = await place()
    fill(to, { old: 'old' })
    const item = itemOf(() => [entry('new')])
    expect(await filesRestorer({ folder: to }).check([item])).toMatchObject([{ code: 'TARGET_EXISTS' }])
    await expect(restore(item, { folder: to })).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
    expect(readdirSync(to)).toEqual(['old'])
    expect(readdirSync(root).sort()).toEqual(['from', 'to'])
  })

  it('replaces it when told to, and keeps its owner and mode', async () => {
    const { to, root } = await place()
    mkdirSync(to, { mode: 0o750 })
    if (process.getuid!() === 0) chownSync(to, 12, 34)
    const { uid, gid } = lstatSync(to)
    fill(to, { 'old/file': 'old' })
    const item = itemOf(() => [entry('new')])
    const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
    expect(await filesRestorer(options).check([item])).toEqual([])
    expect(await filesRestorer(options).holds(item)).toBe(false)
    await restore(item, options)
    expect(readdirSync(to)).toEqual(['new'])
    expect(lstatSync(to)).toMatchObject({ uid, gid })
    expect(lstatSync(to).mode & 0o7777).toBe(0o750)
    expect(readdirSync(root).sort()).toEqual(['from', 'to'])
  })

  it('leaves what was there alone when it is aborted', async () => {
    const { to, root } = await place()
    fill(to, { old: 'old' })
    const before = await listFolder(to)
    const restorer = filesRestorer({ folder: to, replace: 'swap' })
    await restorer.prepare([itemOf(() => [entry('new')])])
    await restorer.abort()
    await restorer.abort()
    await restorer.commit()
    expect(await listFolder(to)).toEqual(before)
    expect(readdirSync(root).sort()).toEqual(['from', 'to'])
  })

  it('notices when what is there differs in a mode, a time, a byte or a name', async () => {
    const wanted = [entry('a', { text: 'abc' }), entry('b', { text: 'abc' })]
    const others: FileEntry[][] = [
      [entry('a', { text: 'abd' }), wanted[1]!], [entry('a', { text: 'abc', mode: 0o640 }), wanted[1]!], [entry('a', { text: 'abc', mtimeNs: 1000n }), wanted[1]!],
      [wanted[0]!], [...wanted, entry('c')], [wanted[0]!, entry('b', { type: 'symlink', target: 'a', mode: 0o777 })], [wanted[0]!, entry('b', { type: 'hardlink', target: 'a' })],
    ]
    for (const other of others) {
      const { to } = await place()
      await restore(itemOf(() => other), { folder: to })
      expect(await filesRestorer({ folder: to }).holds(itemOf(() => other))).toBe(true)
      expect(await filesRestorer({ folder: to }).holds(itemOf(() => wanted))).toBe(false)
    }
  })

  it('makes nothing visible when what it wrote is not what is read back', async () => {
    const { to, root } = await place()
    const item = { ...itemOf(() => []), async * entries () { yield { ...entry('a'), equals: async () => false } } }
    await expect(restore(item, { folder: to })).rejects.toMatchObject({ code: 'TARGET_DIFFERS' })
    expect(readdirSync(root)).toEqual(['from'])
  })

  it('leaves no file open, nothing beside the target, and rejects with the reason when it is stopped', async () => {
    const { to, root } = await place()
    const before = await openDescriptors()
    const stop = new AbortController()
    const reason = new Error('stopped by the test')
    const read = async function * (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100)
      stop.abort(reason)
      yield Buffer.alloc(100)
    }
    const restorer = filesRestorer({ folder: to })
    await expect(restorer.prepare([itemOf(() => [entry('a', { read, sizeBytes: 200 }), entry('b')])], { signal: stop.signal })).rejects.toBe(reason)
    await restorer.abort()
    expect(readdirSync(root)).toEqual(['from'])
    expect(await openDescriptors()).toBe(before)
    for (const act of [restorer.check([], { signal: stop.signal }), restorer.commit({ signal: stop.signal }), restorer.abort({ signal: stop.signal })]) await expect(act).rejects.toBe(reason)
  })

  it('hands on a failure of the stored content', async () => {
    const { to } = await place()
    const failure = new Error('damaged')
    // eslint-disable-next-line require-yield -- it fails before the first byte
    const read = async function * (): AsyncGenerator<Uint8Array> { throw failure }
    await expect(restore(itemOf(() => [entry('a', { read, sizeBytes: 1 }), ...Array.from({ length: 50 }, (_, index) => entry(`b${index + 100}`))]), { folder: to })).rejects.toBe(failure)
  })

  it('leaves owners and the bits that give rights away when it is told so', async () => {
    const { to } = await place()
    const stranger = process.getuid!() + 1
    const item = itemOf(() => [entry('mine', { mode: 0o6755 }), entry('theirs', { mode: 0o6755, uid: stranger, gid: stranger })])
    const options: FilesRestorerOptions = { folder: to, owners: 'skip' }
    await restore(item, options)
    expect(lstatSync(join(to, 'mine')).mode & 0o7777).toBe(0o6755)
    expect(lstatSync(join(to, 'theirs')).mode & 0o7777).toBe(0o755)
    expect(lstatSync(join(to, 'theirs')).uid).toBe(process.getuid!())
    expect(await filesRestorer(options).holds(item)).toBe(true)
  })

  it.skipIf(process.getuid?.() !== 0)('gives files back to their owners', async () => {
    const { to } = await place()
    await restore(itemOf(() => [entry('d', { type: 'directory', mode: 0o2750, uid: 12, gid: 34 }), entry('d/f', { mode: 0o4750, uid: 1234, gid: 5678 }), entry('l', { type: 'symlink', target: 'd', mode: 0o777, uid: 7, gid: 8 })]), { folder: to })
    expect(['d', 'd/f', 'l'].map(path => lstatSync(join(to, path))).map(({ uid, gid, mode }) => [uid, gid, mode & 0o7777])).toEqual([[12, 34, 0o2750], [1234, 5678, 0o4750], [7, 8, 0o777]])
  })

  describe('does not trust the tree', () => {
    const attacks: Record<string, FileEntry[]> = {
      'an absolute path': [entry('/tmp/evil')],
      'a path out of the folder': [entry('../evil')],
      'a path out of the folder further on': [entry('a', { type: 'directory' }), entry('a/../../evil')],
      'a part .': [entry('./evil')],
      'an empty part': [entry('a', { type: 'directory' }), entry('a//evil')],
      'an empty path': [entry('')],
      'a NUL': [entry('evil\0.txt')],
      'a lone surrogate': [entry('evil\ud800')],
      'a file below a symlink': [entry('evil', { type: 'symlink', target: '..', mode: 0o777 }), entry('evil/file')],
      'a file below a file': [entry('evil'), entry('evil/file')],
      'a file below nothing': [entry('evil/file')],
      'a file below a symlink with something in between': [entry('evil', { type: 'symlink', target: '..', mode: 0o777 }), entry('evil.txt'), entry('evil/file')],
      'a path twice': [entry('evil', { type: 'symlink', target: '../out', mode: 0o777 }), entry('evil')],
      'paths out of order': [entry('b'), entry('a')],
      'a hard link out of the folder': [entry('evil', { type: 'hardlink', target: '../secret' })],
      'an absolute hard link': [entry('evil', { type: 'hardlink', target: '/etc/passwd' })],
      'a hard link through a symlink': [entry('a', { type: 'symlink', target: '..', mode: 0o777 }), entry('evil', { type: 'hardlink', target: 'a/secret' })],
      'a hard link to a symlink': [entry('a', { type: 'symlink', target: '../secret', mode: 0o777 }), entry('evil', { type: 'hardlink', target: 'a' })],
      'a hard link to a folder': [entry('a', { type: 'directory' }), entry('evil', { type: 'hardlink', target: 'a' })],
      'a hard link to what comes later': [entry('evil', { type: 'hardlink', target: 'z' }), entry('z')],
      'a hard link without a target': [entry('evil', { type: 'hardlink' })],
      'a symlink without a target': [entry('evil', { type: 'symlink' })],
      'a file longer than it says': [entry('evil', { text: 'long', sizeBytes: 3 })],
    }
    for (const [what, entries] of Object.entries(attacks)) {
      it(`refuses ${what}`, async () => {
        const { to, root } = await place()
        writeFileSync(join(root, 'secret'), 'secret')
        await expect(restore(itemOf(() => entries), { folder: to })).rejects.toMatchObject({ code: 'TREE_INVALID' })
        expect(readdirSync(root).sort()).toEqual(['from', 'secret'])
        expect(lstatSync(join(root, 'secret')).nlink).toBe(1)
        expect(existsSync('/tmp/evil')).toBe(false)
      })
    }
  })

  describe('does not touch what is not its own', () => {
    it('refuses a folder of the name that it builds under', async () => {
      const { to } = await place()
      fill(`${to}__restoring`, { mine: 'mine' })
      const restorer = filesRestorer({ folder: to })
      expect(await restorer.check([itemOf(() => [])])).toMatchObject([{ code: 'TARGET_EXISTS' }])
      await expect(restorer.prepare([itemOf(() => [])])).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
      await restorer.abort()
      await restorer.commit()
      expect(readdirSync(`${to}__restoring`)).toEqual(['mine'])
    })

    it('refuses a folder of the name that it puts the old one under', async () => {
      const { to } = await place()
      fill(to, { old: 'old' })
      mkdirSync(`${to}__replaced`)
      const restorer = filesRestorer({ folder: to, replace: 'swap' })
      const item = itemOf(() => [entry('new')])
      expect(await restorer.check([item])).toMatchObject([{ code: 'TARGET_EXISTS' }])
      await restorer.prepare([item])
      await expect(restorer.commit()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
      await restorer.abort()
      expect(readdirSync(to)).toEqual(['old'])
    })

    it('refuses a marker that is not one', async () => {
      const { to } = await place()
      writeFileSync(`${to}__restoring.json`, '{}')
      const restorer = filesRestorer({ folder: to })
      expect(await restorer.check([itemOf(() => [])])).toMatchObject([{ code: 'TARGET_EXISTS' }])
      await expect(restorer.abort()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
      expect(readFileSync(`${to}__restoring.json`, 'utf8')).toBe('{}')
    })

    it('leaves a folder alone that took the place of the one it built', async () => {
      const { to } = await place()
      const restorer = filesRestorer({ folder: to })
      await restorer.prepare([itemOf(() => [entry('new')])])
      mkdirSync(`${to}__other`)
      fill(`${to}__other`, { mine: 'mine' })
      rmSync(`${to}__restoring`, { recursive: true })
      renameSync(`${to}__other`, `${to}__restoring`)
      await restorer.abort()
      expect(readdirSync(`${to}__restoring`)).toEqual(['mine'])
    })
  })

  it('holds nothing where there is no folder', async () => {
    const { to } = await place()
    const item = itemOf(() => [])
    expect(await filesRestorer({ folder: to }).holds(item)).toBe(false)
    symlinkSync('nowhere', to)
    expect(await filesRestorer({ folder: to }).holds(item)).toBe(false)
    rmSync(to)
    writeFileSync(to, '')
    expect(await filesRestorer({ folder: to }).holds(item)).toBe(false)
    expect(await filesRestorer({ folder: to, only: ['a'] }).holds(item)).toBe(false)
  })

  it('refuses what came into its place while it was prepared', async () => {
    const { to, root } = await place()
    for (const replace of ['refuse', 'swap'] as const) {
      const restorer = filesRestorer({ folder: to, replace })
      await restorer.prepare([itemOf(() => [entry('new')])])
      writeFileSync(to, 'a file')
      await expect(restorer.commit()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
      await restorer.abort()
      expect(readFileSync(to, 'utf8')).toBe('a file')
      rmSync(to)
    }
    expect(readdirSync(root)).toEqual(['from'])
  })

  it('finds what speaks against the place before anything is done', async () => {
    const { to, root } = await place()
    const item = itemOf(() => [])
    const problems = async (folder: string): Promise<unknown[]> => (await filesRestorer({ folder, replace: 'swap' }).check([item])).map(problem => problem.code)
    writeFileSync(join(root, 'file'), '')
    symlinkSync('from', join(root, 'link'))
    expect(await problems(join(root, 'none/to'))).toEqual(['INVALID_OPTION'])
    expect(await problems(join(root, 'file/to'))).toEqual(['INVALID_OPTION'])
    expect(await problems(join(root, 'file'))).toEqual(['TARGET_EXISTS'])
    expect(await problems(join(root, 'link'))).toEqual(['INVALID_OPTION'])
    expect(await problems(join(root, 'n'.repeat(250)))).toEqual(['INVALID_OPTION'])
    expect(await problems('/')).toEqual(['INVALID_OPTION'])
    expect(await problems('/proc')).toEqual(['SOURCE_UNSUPPORTED'])
    expect(await problems(to)).toEqual([])
    expect(await filesRestorer({ folder: to }).check([{ ...item, id: 'other/tree' }])).toMatchObject([{ code: 'INVALID_OPTION' }])
  })

  describe('with `only`', () => {
    const all = (): FileEntry[] => [
      entry('a', { type: 'directory', mode: 0o700, mtimeNs: 1_000_000n }), entry('a.txt', { text: 'a' }),
      entry('a/1', { text: 'one' }), entry('a/2', { text: 'two', mode: 0o600 }), entry('a/sub', { type: 'directory', mode: 0o711, mtimeNs: 2_000_000n }), entry('a/sub/link', { type: 'symlink', target: '../1', mode: 0o777 }),
      entry('b', { text: 'b' }), entry('c', { type: 'hardlink', target: 'b' }), entry('d', { type: 'hardlink', target: 'b' }),
    ]
    const item = itemOf(all)

    it('brings back these and leaves the others alone', async () => {
      const { to, root } = await place()
      fill(to, { 'a/2': 'changed', 'a/mine': 'mine', b: 'mine too' })
      const options: FilesRestorerOptions = { folder: to, only: ['a/2', 'a/sub/'], replace: 'swap' }
      expect(await filesRestorer(options).check([item])).toEqual([])
      expect(await filesRestorer(options).holds(item)).toBe(false)
      await restore(item, options)
      expect(readFileSync(join(to, 'a/2'), 'utf8')).toBe('two')
      expect(readFileSync(join(to, 'a/mine'), 'utf8')).toBe('mine')
      expect(readFileSync(join(to, 'b'), 'utf8')).toBe('mine too')
      expect(readdirSync(join(to, 'a')).sort()).toEqual(['2', 'mine', 'sub'])
      expect(lstatSync(join(to, 'a')).mode & 0o777).toBe(0o755)
      expect(lstatSync(join(to, 'a/sub')).mtimeMs).toBeCloseTo(2, 2)
      expect(await filesRestorer(options).holds(item)).toBe(true)
      expect(readdirSync(root).sort()).toEqual(['from', 'to'])
      writeFileSync(join(to, 'a/2'), 'TWO')
      expect(await filesRestorer(options).holds(item)).toBe(false)
    })

    it('makes the folder and the folders above when they are missing', async () => {
      const { to } = await place()
      await restore(item, { folder: to, only: ['a/sub/link'] })
      expect(await listFolder(to)).toHaveLength(3)
      expect(lstatSync(join(to, 'a')).mode & 0o777).toBe(0o700)
      expect(lstatSync(join(to, 'a')).mtimeMs).toBeCloseTo(1, 2)
    })

    it('makes a file of a hard link whose file is not chosen', async () => {
      const { to } = await place()
      const options: FilesRestorerOptions = { folder: to, only: ['c', 'd'] }
      await restore(item, options)
      expect(readFileSync(join(to, 'd'), 'utf8')).toBe('b')
      expect(lstatSync(join(to, 'c')).ino).toBe(lstatSync(join(to, 'd')).ino)
      expect(lstatSync(join(to, 'c')).nlink).toBe(2)
      expect(await filesRestorer({ ...options, replace: 'swap' }).holds(item)).toBe(true)
    })

    it('says what is in the way', async () => {
      const { to } = await place()
      fill(to, { a: 'a file', 'b/c': 'a folder' })
      const codes = async (only: string[], replace: 'swap' | 'refuse'): Promise<string[]> => (await filesRestorer({ folder: to, only, replace }).check([item])).map(problem => problem.code)
      expect(await codes(['a/1'], 'swap')).toEqual(['TARGET_EXISTS'])
      expect(await codes(['b'], 'swap')).toEqual(['TARGET_EXISTS'])
      expect(await codes(['nothing'], 'swap')).toEqual(['INVALID_OPTION'])
      rmSync(join(to, 'a'))
      expect(await codes(['a/1'], 'refuse')).toEqual([])
      fill(to, { 'a/1': '' })
      expect(await codes(['a/1'], 'refuse')).toEqual(['TARGET_EXISTS'])
      rmSync(join(to, 'a'), { recursive: true })
      symlinkSync('../from', join(to, 'a'))
      expect(await codes(['a/1'], 'swap')).toEqual(['TARGET_EXISTS'])
      await expect(restore(item, { folder: to, only: ['a/1'], replace: 'swap' })).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
    })

    it('refuses paths that lead elsewhere, and none', () => {
      for (const only of [['/etc'], ['../x'], ['a/../b'], [''], []]) expect(() => filesRestorer({ folder: 'x', only })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    })
  })
})
