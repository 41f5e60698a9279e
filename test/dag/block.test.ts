import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { CarBlockIterator } from '@ipld/car'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf, blockCid, chunkCid, CID, decodeBlock, encodeBlock, isChunk, parseCid, readBlob } from '../../src/dag/block.ts'
import { unicode } from '../chunking/unicode.ts'
import { MemoryBlobs } from './memory-blobs.ts'

/** The public IPLD fixtures are large and not kept here; see test/vectors/README.md. */
const FIXTURES = process.env['CAF_FIXTURES'] ?? join(import.meta.dirname, '../../../shared/data')
const withFixtures = (name: string): { skip: boolean } => {
  const skip = !existsSync(join(FIXTURES, name))
  if (skip) process.stderr.write(`skipped: the fixtures ${name} are not in ${FIXTURES} (set CAF_FIXTURES)\n`)
  return { skip }
}

const plain = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof({ maxDepth: 4 }, fc.constant(null), fc.boolean(), fc.maxSafeInteger(), unicode, fc.uint8Array(), fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('value'), { maxLength: 5 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 5 })),
})).value

describe('blocks', () => {
  it('come back as they were, under the same CID', () => fc.assert(fc.property(plain, value => {
    const { cid, address, bytes } = encodeBlock(value)
    expect(addressOf(cid)).toBe(address)
    expect(encodeBlock(decodeBlock(bytes, cid))).toEqual({ cid, address, bytes })
  })))

  it('do not depend on the order of members', () => {
    expect(encodeBlock({ a: 1, bb: 2, c: [3] }).address).toBe(encodeBlock({ c: [3], bb: 2, a: 1 }).address)
  })

  it.each([
    ['members in another order', 'a2616201616102'],
    ['a number longer than needed', '1801'],
    ['a string of unknown length', '7f6161ff'],
    ['a float of 32 bits', 'fa3fc00000'],
    ['the same member twice', 'a2616101616102'],
    ['undefined', 'f7'],
    ['bytes behind the end', '0101'],
    ['nothing', ''],
    ['an end too early', '82'],
    ['a tag that is no link', 'c001'],
  ])('are refused with %s', (_, hex) => {
    expect(() => decodeBlock(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
  })

  it('are refused under a CID that is not theirs', () => {
    const { bytes } = encodeBlock({ a: 1 })
    expect(() => decodeBlock(bytes, encodeBlock({ a: 2 }).cid)).toThrow(expect.objectContaining({ code: 'BLOB_CORRUPT' }))
  })

  it('carry only what dag-cbor carries', () => {
    for (const value of [undefined, { a: undefined }, NaN, Infinity, () => 1]) expect(() => encodeBlock(value)).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
  })

  it('are told from chunks by their CIDs, and other CIDs are refused', () => {
    const { address } = encodeBlock(1)
    expect([isChunk(chunkCid(address)), isChunk(blockCid(address))]).toEqual([true, false])
    expect(addressOf(chunkCid(address))).toBe(address)
    expect(chunkCid(address).toString()).toMatch(/^bafkrei/)
    expect(blockCid(address).toString()).toMatch(/^bafyrei/)
    for (const foreign of ['QmQg1v4o9xdT3Q14wh4S7dxZkDjyZ9ssFzFzyep1YrVJBY', 'bafkqabiaaebagba']) {
      expect(() => addressOf(CID.parse(foreign))).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
    }
  })

  it('that are missing are named', async () => {
    const { cid, address } = encodeBlock('nowhere')
    await expect(readBlob(new MemoryBlobs(), cid)).rejects.toThrow(expect.objectContaining({ code: 'BLOB_MISSING', data: { address, cid: cid.toString() } }))
  })
})

describe('public fixtures', () => {
  it('of dag-cbor decode, and encode to the same bytes', withFixtures('dagcbor'), () => {
    const folder = join(FIXTURES, 'dagcbor/fixtures')
    const blocks = readdirSync(folder).flatMap(name => readdirSync(join(folder, name)).filter(file => file.endsWith('.dag-cbor')).map(file => join(folder, name, file)))
    expect(blocks.length).toBeGreaterThan(100)
    for (const file of blocks) {
      const bytes = readFileSync(file)
      const cid = CID.parse(file.slice(file.lastIndexOf('/') + 1).replace('.dag-cbor', ''))
      expect(encodeBlock(decodeBlock(bytes, cid)).cid.toString(), file).toBe(cid.toString())
    }
  })

  it('that are no dag-cbor are refused', withFixtures('dagcbor'), () => {
    const cases = JSON.parse(readFileSync(join(FIXTURES, 'dagcbor/negative-fixtures/dag-cbor/decode/duplicate-keys.json'), 'utf8')) as { hex: string }[]
    expect(cases.length).toBeGreaterThan(0)
    for (const { hex } of cases) expect(() => decodeBlock(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID' }))
  })

  it.each(['codec-fixtures.car', 'go.car'])('in %s hash to their CIDs', withFixtures('car'), async name => {
    const car = await CarBlockIterator.fromBytes(readFileSync(join(FIXTURES, 'car', name)))
    let blocks = 0
    for await (const { cid, bytes } of car) {
      if (cid.code !== dagCbor.code || cid.version !== 1 || cid.multihash.code !== 0x12) continue
      expect(encodeBlock(decodeBlock(bytes, cid)).cid.toString()).toBe(cid.toString())
      blocks++
    }
    expect(blocks).toBeGreaterThan(0)
  })
})

describe('a CID as text', () => {
  it('is read', () => {
    const cid = chunkCid('0'.repeat(64))
    expect(parseCid(cid.toString(), 'a row').equals(cid)).toBe(true)
  })

  it.each(['', 'x', 'bafkrei', 'bafkreÿ', '\0'.repeat(1_000)])('that is none (%j) is refused by its place', text => {
    expect(() => parseCid(text, 'a row')).toThrow(expect.objectContaining({ code: 'BLOCK_INVALID', message: expect.stringContaining('a row') as string }))
  })
})
