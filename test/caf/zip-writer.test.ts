import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkSeal } from '../../src/caf/archive-seal.ts'
import { ZipReader } from '../../src/caf/zip-reader.ts'
import type { ZipRecord, ZipSource } from '../../src/caf/zip-writer.ts'
import { writeZip } from '../../src/caf/zip-writer.ts'
import type { Bytes } from '../../src/stream.ts'
import { bytesOf } from '../../src/stream.ts'

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-zip-')) })
afterAll(async () => { await rm(folder, { recursive: true }) })

async function * sources (...entries: readonly ZipSource[]): AsyncGenerator<ZipSource> {
  yield * entries
}

function file (path: string, content: Uint8Array | string, method: ZipSource['method'] = 'deflate'): ZipSource {
  return { path, method, read: () => bytesOf(content) }
}

async function joined (bytes: Bytes): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(bytes))
}

async function written (entries: AsyncIterable<ZipSource>): Promise<string> {
  const path = join(folder, 'test.zip')
  await pipeline(writeZip(entries), createWriteStream(path))
  return path
}

describe('writeZip', () => {
  it('writes what a reader gives back, in whatever pieces it came', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ pieces: fc.array(fc.uint8Array({ maxLength: 200 })), method: fc.constantFrom('deflate' as const, 'store' as const) }), { maxLength: 5 }), async contents => {
      const records: ZipRecord[] = []
      const path = join(folder, 'property.zip')
      const entries = contents.map(({ pieces, method }, i): ZipSource => ({ path: `folder/${i}`, method, async *read () { yield * pieces } }))
      await pipeline(writeZip(sources(...entries), { onEntry: record => records.push(record) }), createWriteStream(path))
      const zip = await ZipReader.open(path)
      const found = await Promise.all([...zip.entries].map(async entry => await joined(zip.read(entry.path))))
      await checkSeal(zip.file)
      await zip.close()
      expect(found).toEqual(contents.map(({ pieces }) => Buffer.concat(pieces)))
      expect(records.map(({ size, sha256 }) => ({ size, sha256 }))).toEqual(found.map(content => ({ size: content.length, sha256: createHash('sha256').update(content).digest('hex') })))
    }), { numRuns: 50, seed: 2 })
  })

  it('gives equal bytes for equal input, in every time zone', () => {
    const module = (name: string): string => JSON.stringify(join(import.meta.dirname, '../../src', name))
    const script = `
      import { hash } from 'node:crypto'
      import { writeZip } from ${module('caf/zip-writer.ts')}
      import { bytesOf } from ${module('stream.ts')}
      const entries = async function * () { yield { path: 'a/', method: 'store' }; yield { path: 'a/b', method: 'deflate', read: () => bytesOf('text') } }
      console.log(hash('sha256', Buffer.concat(await Array.fromAsync(writeZip(entries())))))`
    const hashes = ['UTC', 'Asia/Kolkata', 'America/Los_Angeles'].map(TZ => execFileSync(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, TZ }, encoding: 'utf8' }))
    expect(new Set(hashes).size).toBe(1)
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}\n$/)
  })

  it('takes pieces whose memory their source uses again', async () => {
    const memory = Buffer.alloc(20_000)
    const reusing = async function * (): AsyncGenerator<Uint8Array> {
      for (let i = 1; i <= 20; i++) yield memory.fill(i)
    }
    const zip = await ZipReader.open(await written(sources({ path: 'stored', method: 'store', read: reusing }, { path: 'deflated', method: 'deflate', read: reusing })))
    const wanted = Buffer.concat(Array.from({ length: 20 }, (_, i) => Buffer.alloc(20_000, i + 1)))
    for (const path of ['stored', 'deflated']) expect((await joined(zip.read(path))).equals(wanted), path).toBe(true)
    await zip.close()
  })

  it('reads a part of an entry, however it is kept', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
    const zip = await ZipReader.open(await written(sources(file('stored', content, 'store'), file('deflated', content))))
    for (const path of ['stored', 'deflated']) {
      for (const [offset, length] of [[0, 1], [0, 0], [100_000, 150_000], [299_999, 5], [400_000, 5], [0, 300_000], [5, undefined]] as const) {
        const part = await joined(zip.read(path, { offset, ...(length === undefined ? {} : { length }) }))
        expect(part.equals(content.subarray(offset, length === undefined ? undefined : offset + length)), `${path} ${offset} ${length}`).toBe(true)
      }
    }
    await zip.close()
  })

  it.each([
    ['a name given twice', ['a', 'a']],
    ['names that differ in case', ['a/README', 'a/readme']],
    ['names that differ in normalisation', ['\u00e9', 'e\u0301']],
    ['a file in a file', ['a', 'a/b']],
    ['a file in the place of a folder', ['a/b', 'A']],
    ['a folder in the place of a file', ['a', 'a/']],
    ['a way out', ['../a']],
    ['a hidden way out', ['a/../../b']],
    ['a root', ['/a']],
    ['a drive', ['c:a']],
    ['a backslash', ['a\\b']],
    ['a NUL', ['a\0b']],
    ['an escape sequence', ['a\u001b[2Jb']],
    ['an empty part', ['a//b']],
    ['no name', ['']],
    ['half a character', ['a\ud800']],
    ['a name that is too long', ['a/'.repeat(40_000) + 'b']],
  ])('refuses %s', async (_, paths) => {
    const entries = paths.map((path): ZipSource => path.endsWith('/') ? { path, method: 'store' } : file(path, ''))
    await expect(joined(writeZip(sources(...entries)))).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' })
  })

  it('passes on the error of a source, and closes it', async () => {
    const failing = async function * (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100_000)
      throw new Error('the disk is gone')
    }
    await expect(joined(writeZip(sources(file('a', 'fine'), { path: 'b', method: 'store', read: failing }, file('c', 'never'))))).rejects.toThrow('the disk is gone')
  })

  it('passes on the error of the list', async () => {
    const failing = async function * (): AsyncGenerator<ZipSource> {
      yield file('a', 'fine')
      throw new Error('no more')
    }
    await expect(joined(writeZip(failing()))).rejects.toThrow('no more')
  })

  it('closes source and list when its reader leaves', async () => {
    const closed: string[] = []
    const endless = async function * (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(65_536, 1)
      } finally {
        closed.push('source')
      }
    }
    const list = async function * (): AsyncGenerator<ZipSource> {
      try {
        yield { path: 'a', method: 'store', read: endless }
      } finally {
        closed.push('list')
      }
    }
    let bytes = 0
    for await (const piece of writeZip(list())) {
      bytes += piece.length
      if (bytes > 1_000_000) break
    }
    expect(closed).toEqual(['source', 'list'])
  })

  it('takes many files and folders, each in constant time', async () => {
    const many = async function * (): AsyncGenerator<ZipSource> {
      for (let i = 0; i < 5_000; i++) yield { path: `folder ${i}/`, method: 'store' }
      for (let i = 0; i < 5_000; i++) yield file(`folder ${i}/file`, 'text', i % 2 === 0 ? 'deflate' : 'store')
      for (let i = 0; i < 5_000; i++) yield { path: `folder ${i}/folder/`, method: 'store' }
    }
    const zip = await ZipReader.open(await written(many()))
    expect([...zip.entries]).toHaveLength(15_000)
    expect((await joined(zip.read('folder 4999/file'))).toString()).toBe('text')
    await zip.close()
  })

  it('reads no further ahead than its reader needs', async () => {
    let given = 0
    const counted = async function * (): AsyncGenerator<Uint8Array> {
      for (; given < 1_000; given++) yield Buffer.alloc(65_536, 1)
    }
    const zip = writeZip(sources({ path: 'a', method: 'store', read: counted }))
    let taken = 0
    for (let i = 0; i < 5; i++) taken += ((await zip.next()).value as Uint8Array).length
    await new Promise(resolve => { setImmediate(resolve) })
    expect(given - taken / 65_536).toBeLessThan(90)
    await zip.return(undefined)
  })
})
