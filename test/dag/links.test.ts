import fc from 'fast-check'
import { CID as AnyCid } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { addressOf, blockCid, chunkCid, isChunk } from '../../src/dag/block.ts'
import { PackedLinks } from '../../src/dag/links.ts'

const address = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('hex'))
const links = fc.array(fc.oneof(address.map(chunkCid), address.map(blockCid)), { maxLength: 20 })

describe('packed links', () => {
  it('are those that they were packed from, as objects, as text and as bytes', () => fc.assert(fc.property(links, cids => {
    const packed = PackedLinks.parse(cids.map(String))
    expect(packed).toHaveLength(cids.length)
    expect([...packed].map(String)).toEqual(cids.map(String))
    expect([...packed]).toEqual(cids.map(cid => AnyCid.decode(cid.bytes)))
    expect(PackedLinks.of(cids).bytes).toEqual(packed.bytes)
    expect(PackedLinks.read(packed.bytes)?.bytes).toEqual(packed.bytes)
    for (const [index, cid] of cids.entries()) {
      expect([packed.addressAt(index), packed.isChunkAt(index)]).toEqual([addressOf(cid), isChunk(cid)])
      expect(packed.isAt(index, cid.toString())).toBe(true)
    }
  })))

  it('tell another text from theirs', () => fc.assert(fc.property(address, fc.nat(58), fc.constantFrom(...'abz27=A '), (hex, at, letter) => {
    const text = chunkCid(hex).toString()
    const other = text.slice(0, at) + letter + text.slice(at + 1)
    expect(PackedLinks.parse([text]).isAt(0, other)).toBe(other === text)
  })))

  it.each([
    ['nothing', ''], ['no CID', 'x'.repeat(59)], ['a CID that is padded', `${chunkCid('ab'.repeat(32))}=`], ['a CID of another codec', AnyCid.createV1(0x70, chunkCid('ab'.repeat(32)).multihash).toString()],
  ])('refuse %s', (_what, text) => {
    expect(() => PackedLinks.parse([text])).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
    expect(PackedLinks.parse([chunkCid('ab'.repeat(32)).toString()]).isAt(0, text)).toBe(false)
  })

  it('refuse an object that links elsewhere', () => {
    const cid = AnyCid.createV1(0x70, chunkCid('ab'.repeat(32)).multihash)
    expect(() => PackedLinks.of([cid])).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
  })

  it('are not read from what are no links', () => {
    const { bytes } = PackedLinks.of([chunkCid('ab'.repeat(32)), blockCid('cd'.repeat(32))])
    expect(PackedLinks.read(bytes.subarray(0, -1))).toBeUndefined()
    for (const at of [0, 1, 2, 3, 4, 5, 6, 7, 8, 41, 47]) expect(PackedLinks.read(bytes.map((byte, index) => index === at ? byte ^ 1 : byte))).toBeUndefined()
  })
})
