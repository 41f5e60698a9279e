import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteChunker } from '../../src/chunking/byte-chunker.ts'
import { tarChunker } from '../../src/chunking/tar-chunker.ts'
import { chunkerCompliance, seededBytes, splitInto, stream } from '../compliance/chunker.ts'

const SIZES = { min: 1_024, average: 4_096, max: 16_384 }

interface Labelled { readonly label: string, readonly bytes: Uint8Array }
const labelled = async (...pieces: Uint8Array[]): Promise<Labelled[]> => await Array.fromAsync(tarChunker(SIZES)(stream(pieces)))
const labelsOf = (chunks: readonly Labelled[]): string[] => chunks.map(({ label }) => label.replace('\0', '|'))

async function tarOf (members: Record<string, Uint8Array>): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of Object.entries(members)) tar.entry({ name, mtime: new Date(0) }, Buffer.from(content))
  tar.finalize()
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>))
}

describe('tar chunker', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'caf-tar-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const systemTar = (...options: string[]): Buffer => {
    const { stdout, stderr, status } = spawnSync('tar', ['-c', '-C', folder, '--sort=name', '--mtime=@0', ...options, '.'], { maxBuffer: 2 ** 28 })
    expect(stderr.toString() + String(status)).toBe('0')
    return stdout
  }

  const cutBytes = async function * (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const { bytes } of tarChunker(SIZES)(source)) yield bytes
  }
  describe('as a chunker of anything', () => chunkerCompliance(cutBytes, { largest: SIZES.max }))

  it('cuts at each header and content, labels them, and leaves padding with the content before it', async () => {
    const chunks = await labelled(await tarOf({ a: Buffer.from('first'), empty: new Uint8Array(0), b: Buffer.from('second') }))
    expect(labelsOf(chunks)).toEqual(['a|h', 'a|0', 'empty|h', 'b|h', 'b|0', '|0'])
    expect(chunks.map(({ bytes }) => bytes.length)).toEqual([512, 512, 512, 512, 512, 1_024])
  })

  it('cuts a member as if it were alone, whatever stands around it', async () => {
    const member = seededBytes(60_000, 'member')
    const wanted = (await Array.fromAsync(byteChunker(SIZES)(stream([Buffer.concat([member, Buffer.alloc(416)])])))).map(({ length }) => length)
    for (const before of [1, 5_000, 77_777]) {
      const chunks = await labelled(await tarOf({ before: seededBytes(before, 'before'), member, after: seededBytes(10, 'after') }))
      const own = chunks.filter(({ label }) => label.startsWith('member\0') && !label.endsWith('\0h'))
      expect(own.map(({ bytes }) => bytes.length)).toEqual(wanted)
      expect(own.map(({ label }) => Number(label.split('\0')[1]))).toEqual(wanted.map((_, i) => wanted.slice(0, i).reduce((a, b) => a + b, 0)))
    }
  })

  it('cuts a tar in the tar as if it were alone, one level deep', async () => {
    const inner = await tarOf({ 'folder/a': seededBytes(30_000, 'member'), 'deep.tar': await tarOf({ deeper: Buffer.from('deeper') }), empty: new Uint8Array(0) })
    const chunks = await labelled(await tarOf({ before: seededBytes(700, 'before'), 'x/inner.tar': inner, after: seededBytes(10, 'after') }))
    const within = chunks.filter(({ label }) => label.startsWith('x/inner.tar/'))
    const fileOf = (all: readonly Labelled[], path: string): number[] => all.filter(({ label }) => label.startsWith(`${path}\0`)).map(({ bytes }) => bytes.length)
    expect(fileOf(within, 'x/inner.tar/folder/a')).toEqual(fileOf(await labelled(inner), 'folder/a'))
    expect(labelsOf(within).slice(-3)).toEqual(['x/inner.tar/deep.tar|h', 'x/inner.tar/deep.tar|0', 'x/inner.tar/empty|h'])
    expect(labelsOf(chunks).slice(-4)).toEqual([`x/inner.tar|${inner.length - 1_024}`, 'after|h', 'after|0', '|0'])
  })

  it('cuts by the byte rule what is called a tar and is none, and stays within it', async () => {
    for (const content of [seededBytes(20_000, 'no tar'), (await tarOf({ a: seededBytes(9_000, 'a') })).subarray(0, 4_000), Buffer.alloc(100)]) {
      const chunks = await labelled(await tarOf({ 'x.tar': content, after: Buffer.from('after') }))
      expect(labelsOf(chunks).slice(-3)).toEqual(['after|h', 'after|0', '|0'])
      expect(chunks.filter(({ label }) => label.startsWith('x.tar')).reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(512 + Math.ceil(content.length / 512) * 512)
    }
  })

  it.each(['gnu', 'pax', 'ustar', 'v7'])('understands what tar writes in the format %s', async format => {
    const deep = format === 'v7' ? 'short' : 'd'.repeat(60)
    mkdirSync(join(folder, format, deep), { recursive: true })
    writeFileSync(join(folder, format, deep, format === 'v7' ? 'name' : 'é'.repeat(25)), seededBytes(20_000, 'file'))
    if (format !== 'v7' && format !== 'ustar') writeFileSync(join(folder, format, `${'x'.repeat(180)}`), 'long name')
    const tar = systemTar(`--format=${format}`, '--exclude=./*/*.none', ...['gnu', 'pax', 'ustar', 'v7'].filter(other => other !== format).map(other => `--exclude=./${other}`))
    const labels = labelsOf(await labelled(tar))
    expect(labels).toContain(`./${format}/|h`)
    expect(labels).toContain(format === 'v7' ? './v7/short/name|0' : `./${format}/${deep}/${'é'.repeat(25)}|0`)
    if (format === 'gnu' || format === 'pax') expect(labels).toContain(`./${format}/${'x'.repeat(180)}|0`)
    expect(labels.filter(label => label.startsWith('|'))).toEqual(['|0'])
  })

  it.each(['--format=gnu', '--format=pax'])('understands sparse members (%s)', async format => {
    const file = join(folder, 'sparse')
    mkdirSync(file, { recursive: true })
    writeFileSync(join(file, 'holes'), Buffer.alloc(0))
    truncateSync(join(file, 'holes'), 50_000_000)
    for (let i = 0; i < 40; i++) spawnSync('dd', ['if=/dev/urandom', `of=${join(file, 'holes')}`, 'bs=4096', 'count=1', 'conv=notrunc', `seek=${i * 300}`])
    writeFileSync(join(file, 'next'), 'after the holes')
    const tar = systemTar(format, '--sparse', '--exclude=./gnu', '--exclude=./pax', '--exclude=./ustar', '--exclude=./v7')
    expect(tar.length).toBeLessThan(1_000_000)
    const labels = labelsOf(await labelled(tar))
    expect(labels).toContain('./sparse/next|h')
    expect(labels.filter(label => label.startsWith('|'))).toEqual(['|0'])
    rmSync(file, { recursive: true })
  })

  it('understands sizes in base 256', async () => {
    const tar = await tarOf({ big: seededBytes(900, 'big'), next: Buffer.from('next') })
    tar.fill(0, 124, 136)
    tar[124] = 0x80
    tar.writeUInt32BE(900, 132)
    sign(tar)
    expect(labelsOf(await labelled(tar))).toEqual(['big|h', 'big|0', 'next|h', 'next|0', '|0'])
  })

  it('believes a size in an extended header, and no size of a link', async () => {
    const tar = pack()
    tar.entry({ name: 'big', mtime: new Date(0), pax: { size: '900', comment: 'the header below has no room for it' } }, seededBytes(900, 'big'))
    tar.entry({ name: 'link', type: 'link', linkname: 'big', mtime: new Date(0) })
    tar.entry({ name: 'next', mtime: new Date(0) }, 'next')
    tar.finalize()
    const bytes = Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>))
    const [header, link] = [1_024, 2_560].map(at => bytes.subarray(at, at + 512))
    header!.fill(0x30, 124, 135)
    sign(header!)
    link!.write('00000001604', 124, 'latin1')
    sign(link!)
    expect(labelsOf(await labelled(bytes))).toEqual(['big|h', 'big|0', 'link|h', 'next|h', 'next|0', '|0'])
  })

  it('cuts what is no tar, or stops being one, as plain bytes', async () => {
    const plain = seededBytes(50_000, 'no tar')
    const chunks = await labelled(plain)
    expect(chunks.map(({ bytes }) => bytes.length)).toEqual((await Array.fromAsync(byteChunker(SIZES)(stream([plain])))).map(({ length }) => length))
    const tar = await tarOf({ a: Buffer.from('first'), b: Buffer.from('second') })
    tar[1_024 + 20] = 99 // the second header no longer sums up
    expect(labelsOf(await labelled(tar))).toEqual(['a|h', 'a|0', '|0'])
  })

  it('loses nothing of a damaged or cut-off tar', async () => {
    const tar = await tarOf({ ['p'.repeat(200)]: seededBytes(5_000, 'a'), b: seededBytes(700, 'b') })
    await fc.assert(fc.asyncProperty(fc.nat(tar.length), fc.nat(tar.length - 1), fc.nat(255), fc.array(fc.nat(2_000), { maxLength: 5 }), async (end, at, byte, lengths) => {
      const damaged = Buffer.from(tar)
      damaged[at] = byte
      const input = damaged.subarray(0, end)
      expect(Buffer.concat((await labelled(...splitInto(input, lengths))).map(({ bytes }) => bytes)).equals(input)).toBe(true)
    }))
  })
})

/** Puts the right checksum into a tar's first header. */
function sign (tar: Buffer): void {
  tar.fill(0x20, 148, 156)
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}
