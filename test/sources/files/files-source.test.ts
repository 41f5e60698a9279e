import { appendFileSync, chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { filesSource } from '../../../src/sources/files/files-source.ts'
import type { Capture, FileEntry } from '../../../src/sources/source.ts'
import { sourceCompliance } from '../../compliance/source.ts'
import { folderTree, makeTree, openDescriptors, temporaryFolder } from './sample-folder.ts'

const CLEANUP: AsyncDisposable[] = []
afterEach(async () => { for (const thing of CLEANUP.splice(0)) await thing[Symbol.asyncDispose]() })

async function folder (): Promise<string> {
  const made = await temporaryFolder()
  CLEANUP.push(made)
  const path = join(made.path, 'stored')
  mkdirSync(path)
  return path
}

async function captureOf (path: string, options: { whenChanged?: 'fail' | 'note' } = {}): Promise<Capture> {
  const capture = await filesSource({ folder: path, ...options }).capture()
  CLEANUP.push({ [Symbol.asyncDispose]: () => capture.close() })
  return capture
}

async function * entriesOf (capture: Capture): AsyncGenerator<FileEntry> {
  for await (const { content } of capture.artifacts()) {
    if (content.form === 'files') yield * content.entries()
  }
}

async function bytesOf (entry: FileEntry): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of entry.read!()) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

describe('source of a folder', () => {
  sourceCompliance(async () => {
    const path = await folder()
    mkdirSync(join(path, 'a'))
    for (const name of ['a/b', 'a.txt', 'a-b', 'big']) writeFileSync(join(path, name), name.repeat(100_000))
    symlinkSync('a/b', join(path, 'link'))
    linkSync(join(path, 'a/b'), join(path, 'zz'))
    return { source: filesSource({ folder: path }), held: openDescriptors }
  })

  it('yields every entry once, in ascending order of the full paths\' bytes', async () => {
    await fc.assert(fc.asyncProperty(folderTree, async tree => {
      const path = await folder()
      makeTree(path, tree)
      const paths = await Array.fromAsync(entriesOf(await captureOf(path)), entry => entry.path)
      const found = spawnSync('find', [path, '-mindepth', '1', '-printf', '%P\\0'], { maxBuffer: 1e9 }).stdout.toString().split('\0').slice(0, -1)
      expect(paths).toEqual(found.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))))
    }), { numRuns: 60, seed: 1 })
  })

  it('tells type, mode, owner, times, links and bytes of each entry', async () => {
    const path = await folder()
    mkdirSync(join(path, 'sub'))
    writeFileSync(join(path, 'sub/file'), 'content')
    chmodSync(join(path, 'sub/file'), 0o4751)
    utimesSync(join(path, 'sub/file'), '1700000000.123456789', '1700000000.123456789')
    linkSync(join(path, 'sub/file'), join(path, 'again'))
    symlinkSync('no/where', join(path, 'dangling'))
    const entries = await Array.fromAsync(entriesOf(await captureOf(path)))
    expect(entries.map(({ path, type, mode, sizeBytes, target }) => ({ path, type, mode, sizeBytes, target }))).toEqual([
      { path: 'again', type: 'file', mode: 0o4751, sizeBytes: 7, target: undefined },
      { path: 'dangling', type: 'symlink', mode: 0o777, sizeBytes: 0, target: 'no/where' },
      { path: 'sub', type: 'directory', mode: 0o755, sizeBytes: 0, target: undefined },
      { path: 'sub/file', type: 'hardlink', mode: 0o4751, sizeBytes: 0, target: 'again' },
    ])
    expect(entries[0]!.mtimeNs).toBe(1_700_000_000_123_456_000n)
    expect((await bytesOf(entries[0]!)).toString()).toBe('content')
  })

  it('reads a folder that is given as a symlink', async () => {
    const path = await folder()
    writeFileSync(join(path, 'x'), '')
    symlinkSync(path, `${path}-link`)
    expect(await Array.fromAsync(entriesOf(await captureOf(`${path}-link`)), entry => entry.path)).toEqual(['x'])
  })

  it('leaves out sockets, FIFOs and devices, and says so', async () => {
    const path = await folder()
    const server = createServer().listen(join(path, 'socket'))
    await new Promise(resolve => server.once('listening', resolve))
    spawnSync('mkfifo', [join(path, 'fifo')])
    const capture = await captureOf(path)
    expect(await Array.fromAsync(entriesOf(capture))).toEqual([])
    expect((await capture.finish()).notes).toEqual(['Left out 1 FIFO: "fifo".', 'Left out 1 socket: "socket".'])
    await new Promise(resolve => server.close(resolve))
  })

  it('refuses names that are not UTF-8, and names them', async () => {
    const path = await folder()
    writeFileSync(Buffer.concat([Buffer.from(`${path}/bad`), Buffer.from([0xff])]), '')
    await expect(Array.fromAsync(entriesOf(await captureOf(path)))).rejects.toMatchObject({ code: 'SOURCE_UNSUPPORTED', data: { path: 'bad\\xff' } })
  })

  it('says that there is no folder, or no folder but a file', async () => {
    const path = await folder()
    await expect(captureOf(join(path, 'none'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
    writeFileSync(join(path, 'file'), '')
    await expect(captureOf(join(path, 'file'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  const big = Buffer.alloc(1 << 20, 'x')
  const changes: Record<string, (path: string) => void> = {
    'grows': path => { appendFileSync(join(path, 'file'), 'more') },
    'shrinks': path => { writeFileSync(join(path, 'file'), 'less') },
    'changes without changing its length': path => { writeFileSync(join(path, 'file'), big.toString().replaceAll('x', 'y')) },
    'is overwritten and its time set back': path => {
      writeFileSync(join(path, 'file'), big.toString().replaceAll('x', 'y'))
      utimesSync(join(path, 'file'), '1000', '1000')
    },
  }
  for (const [what, change] of Object.entries(changes)) {
    it(`notices that a file ${what} while it is read`, async () => {
      const path = await folder()
      writeFileSync(join(path, 'file'), big)
      utimesSync(join(path, 'file'), '1000', '1000')
      const [entry] = await Array.fromAsync(entriesOf(await captureOf(path)))
      const reading = entry!.read!()[Symbol.asyncIterator]()
      await reading.next()
      change(path)
      const rest = async (): Promise<void> => { while ((await reading.next()).done !== true); }
      await expect(rest()).rejects.toMatchObject({ code: 'SOURCE_CHANGED', data: { path: 'file' } })
    })
  }

  it('does not read through a symlink that took a file\'s place', async () => {
    const path = await folder()
    writeFileSync(join(path, 'file'), 'mine')
    const [entry] = await Array.fromAsync(entriesOf(await captureOf(path)))
    rmSync(join(path, 'file'))
    symlinkSync('/etc/passwd', join(path, 'file'))
    await expect(bytesOf(entry!)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  it('does not list through a symlink that took a folder\'s place', async () => {
    const path = await folder()
    mkdirSync(join(path, 'sub'))
    const entries = entriesOf(await captureOf(path))
    expect((await entries.next()).value).toMatchObject({ path: 'sub' })
    renameSync(join(path, 'sub'), `${path}-moved`)
    symlinkSync('/etc', join(path, 'sub'))
    await expect(entries.next()).rejects.toMatchObject({ code: 'SOURCE_CHANGED', data: { path: 'sub' } })
  })

  it('notices that the folder is removed while it is read', async () => {
    const path = await folder()
    for (const name of ['a', 'b']) {
      mkdirSync(join(path, name))
      writeFileSync(join(path, name, 'file'), '')
    }
    const entries = entriesOf(await captureOf(path))
    await entries.next()
    rmSync(path, { recursive: true })
    await expect(Array.fromAsync(entries)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  it('notices at the end what came, went or changed behind the reading', async () => {
    for (const change of [(path: string) => { writeFileSync(join(path, 'a0'), '') }, (path: string) => { rmSync(join(path, 'a')) }, (path: string) => { chmodSync(join(path, 'a'), 0o600) }]) {
      const path = await folder()
      for (const name of ['a', 'b']) writeFileSync(join(path, name), name)
      const capture = await captureOf(path)
      await Array.fromAsync(entriesOf(capture))
      change(path)
      await expect(capture.finish()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    }
  })

  it('only notes such changes when it is told so', async () => {
    const path = await folder()
    for (const name of ['a', 'b']) writeFileSync(join(path, name), name)
    const capture = await captureOf(path, { whenChanged: 'note' })
    await Array.fromAsync(entriesOf(capture))
    writeFileSync(join(path, 'c'), '')
    expect((await capture.finish()).notes).toEqual(['Entries changed while the folder was read: 2 were read, there were 3 afterwards.'])
  })

  it('leaves out and notes what was removed behind the listing, when it is told so', async () => {
    const path = await folder()
    for (const name of ['a', 'b', 'c']) mkdirSync(join(path, name))
    for (let index = 0; index < 40; index++) writeFileSync(join(path, `d${index}`), '')
    const capture = await captureOf(path, { whenChanged: 'note' })
    const entries = entriesOf(capture)
    await entries.next()
    await entries.next()
    for (const name of ['b', 'd9']) rmSync(join(path, name), { recursive: true })
    expect((await Array.fromAsync(entries)).map(entry => entry.path)).not.toContain('d9')
    expect((await capture.finish()).notes).toEqual(['Entries were removed while the folder was read ("b" among them).'])
  })

  it.skipIf(process.getuid?.() !== 0)('says what it has no right to read', async () => {
    const path = await folder()
    writeFileSync(join(path, 'secret'), '', { mode: 0o000 })
    chmodSync(join(path, '..'), 0o755)
    const script = `
      import { filesSource } from ${JSON.stringify(join(import.meta.dirname, '../../../src/sources/files/files-source.ts'))}
      const capture = await filesSource({ folder: ${JSON.stringify(path)} }).capture()
      process.setuid(65534)
      for await (const { content } of capture.artifacts()) {
        for await (const entry of content.entries()) {
          try { for await (const piece of entry.read()); } catch (error) { console.log(error.code, error.data.path) }
        }
      }`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
    expect(stderr.toString()).toBe('')
    expect(stdout.toString()).toBe('SOURCE_DENIED secret\n')
  })

  describe('at once', () => {
    /** The only file, as soon as it is old enough. */
    const fileIn = async (path: string, capture: Capture): Promise<FileEntry> => {
      const [entry] = await Array.fromAsync(entriesOf(capture))
      while (Math.abs(Date.now() - statSync(join(path, 'file')).ctimeMs) <= 10) await setImmediate()
      return entry!
    }

    it.each([0, 1, 65_536])('reads the %i bytes of a small file, each time into other memory', async length => {
      const path = await folder()
      writeFileSync(join(path, 'file'), Buffer.alloc(length, 'x'))
      const entry = await fileIn(path, await captureOf(path))
      const [one, other] = [entry.readNow!()!, entry.readNow!()!]
      expect([one, other].map(bytes => Buffer.from(bytes).toString())).toEqual(Array(2).fill('x'.repeat(length)))
      one.fill(0)
      expect(Buffer.from(other).toString()).toBe('x'.repeat(length))
    })

    it('reads no large file', async () => {
      const path = await folder()
      writeFileSync(join(path, 'file'), big)
      expect((await fileIn(path, await captureOf(path))).readNow!()).toBeUndefined()
    })

    it.each<[string, (path: string) => void]>([
      ['grew', path => { appendFileSync(path, 'more') }],
      ['shrank', path => { writeFileSync(path, 'm') }],
      ['has other bytes', path => { writeFileSync(path, 'that') }],
      ['is gone', path => { rmSync(path) }],
      ['is a symlink now', path => { rmSync(path); symlinkSync('/etc/passwd', path) }],
    ])('reads no file that %s', async (_, change) => {
      const path = await folder()
      writeFileSync(join(path, 'file'), 'mine')
      const entry = await fileIn(path, await captureOf(path))
      change(join(path, 'file'))
      expect(() => entry.readNow!()).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED' }))
    })

    it('reads nothing of a folder that was closed', async () => {
      const path = await folder()
      writeFileSync(join(path, 'file'), 'mine')
      const capture = await captureOf(path)
      const entry = await fileIn(path, capture)
      await capture.close()
      expect(() => entry.readNow!()).toThrow(expect.objectContaining({ code: 'CANCELLED' }))
    })
  })

  it('reads bytes as they are', async () => {
    const path = await folder()
    const bytes = readFileSync(process.execPath).subarray(0, 3_000_001)
    writeFileSync(join(path, 'file'), bytes)
    const [entry] = await Array.fromAsync(entriesOf(await captureOf(path)))
    expect((await bytesOf(entry!)).equals(bytes)).toBe(true)
  })
})
