import { pack } from 'tar-stream'
import type { Header, Pack } from 'tar-stream'
import { extract } from 'tar-stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stableTar } from '../../../src/sources/qdrant/stable-tar.ts'

const LONG_NAME = `folder/${'long-'.repeat(40)}.dat`

describe('stable tar', () => {
  it('is equal for tars that differ in their times only, also in those of a tar inside', async () => {
    const [first, second] = [await nestedTar(new Date(1_000_000)), await nestedTar(new Date(1_700_000_000_000))]
    expect(first.equals(second)).toBe(false)
    expect((await stable([first])).equals(await stable([second]))).toBe(true)
  })

  it('keeps names, sizes and contents, and every checksum right', async () => {
    const entries = await unpack(await stable([await nestedTar(new Date())]))
    expect(entries.map(({ name, mtime, bytes }) => [name, mtime?.getTime(), bytes.length])).toEqual([
      ['a.txt', 0, 5], [LONG_NAME, 0, 600], ['0/segments/one.tar', 0, entries[2]!.bytes.length], ['empty', 0, 0], ['z', 0, 512],
    ])
    expect((await unpack(entries[2]!.bytes)).map(({ name, mtime, bytes }) => [name, mtime?.getTime(), bytes.toString()])).toEqual([['inner', 0, 'inside']])
  })

  it('does not depend on how the stream is cut', async () => {
    const tar = await nestedTar(new Date())
    const expected = await stable([tar])
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1 }), async sizes => {
      expect((await stable(cut(tar, sizes))).equals(expected)).toBe(true)
    }), { numRuns: 50 })
  })

  it('hands on unchanged what is no tar, what is cut off, and what names a size beyond its end', async () => {
    const tar = await nestedTar(new Date(0))
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async bytes => {
      expect((await stable([bytes])).equals(Buffer.from(bytes))).toBe(true)
    }))
    for (const length of [0, 1, 511, 512, 513, 700, tar.length - 1]) expect((await stable([tar.subarray(0, length)])).length).toBe(length)
    const flipped = Buffer.from(tar)
    flipped[130]! ^= 1 // the size of the first member: its header's checksum is wrong now
    expect((await stable([flipped])).equals(flipped)).toBe(true)
  })
})

async function nestedTar (mtime: Date): Promise<Buffer> {
  const inner = pack()
  inner.entry({ name: 'inner', mtime }, 'inside')
  const outer = pack()
  add(outer, { name: 'a.txt', mtime }, 'hello')
  add(outer, { name: LONG_NAME, mtime: new Date(0) }, 'x'.repeat(600)) // tar-stream writes the name as a pax record
  add(outer, { name: '0/segments/one.tar', mtime }, await finished(inner))
  add(outer, { name: 'empty', mtime }, '')
  add(outer, { name: 'z', mtime }, 'y'.repeat(512))
  return await finished(outer)
}

function add (tar: Pack, header: Partial<Header> & { name: string }, content: string | Buffer): void {
  tar.entry(header, content)
}

async function finished (tar: Pack): Promise<Buffer> {
  tar.finalize()
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>))
}

async function stable (pieces: Iterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stableTar((async function * () { yield * pieces })()), piece => Buffer.from(piece)))
}

function * cut (bytes: Buffer, sizes: readonly number[]): Generator<Uint8Array> {
  for (let offset = 0, index = 0; offset < bytes.length; index++) {
    const size = sizes[index % sizes.length]!
    yield bytes.subarray(offset, offset + size)
    offset += size
  }
}

async function unpack (bytes: Buffer): Promise<Array<{ name: string, mtime: Date | undefined, bytes: Buffer }>> {
  const entries: Array<{ name: string, mtime: Date | undefined, bytes: Buffer }> = []
  const tar = extract()
  tar.end(bytes)
  for await (const entry of tar) {
    entries.push({ name: entry.header.name, mtime: entry.header.mtime, bytes: Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)) })
  }
  return entries
}
