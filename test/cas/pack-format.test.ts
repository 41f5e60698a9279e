import { decode, encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import type { PackedBlob } from '../../src/cas/blob-list.ts'
import { copiesIn } from '../../src/cas/copy.ts'
import { packKey } from '../../src/cas/layout.ts'
import { decodeFooter, encodeFooter } from '../../src/cas/pack-format.ts'
import type { PackListing } from '../../src/cas/pack-format.ts'
import { readListing } from '../../src/cas/pack-reader.ts'
import { PackWriter } from '../../src/cas/pack-writer.ts'
import { decodeSegment, encodeSegment, segmentRuns } from '../../src/cas/segment.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'

const NAME = 'ab'.repeat(16)

const address = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(addressOf)
const length = fc.integer({ min: 0, max: 300 })
const packedBlob: fc.Arbitrary<PackedBlob> = fc.oneof(
  fc.record({ address, encoding: fc.constant(0 as const), stored: length, depth: fc.constant(0) }).map(blob => ({ ...blob, plain: blob.stored })),
  fc.record({ address, encoding: fc.constant(1 as const), stored: length, plain: length, depth: fc.constant(0) }),
  fc.record({ address, encoding: fc.constantFrom(2 as const, 3 as const), stored: length, plain: length, base: address, depth: fc.integer({ min: 1, max: 8 }) }),
)
const packedBlobs = fc.array(packedBlob, { minLength: 1, maxLength: 20 })

describe('a pack', () => {
  it('lists in its footer what was put into it, at its offsets', async () => {
    await fc.assert(fc.asyncProperty(packedBlobs, async blobs => {
      const writer = new PackWriter(NAME)
      const bytes = blobs.map((blob, i) => Buffer.alloc(blob.stored, i))
      const offsets = blobs.map((blob, i) => writer.append(blob, bytes[i]!).offset)
      const { body, listing } = writer.finish()
      const backend = memoryBackend()
      await backend.put(packKey(NAME), body)
      expect(await readListing(backend, NAME)).toEqual({ name: NAME, sizeBytes: body.length, blobs })
      expect([...copiesIn(listing)].map(([, copy]) => copy.offset)).toEqual(offsets)
      offsets.forEach((offset, i) => { expect(Buffer.from(body.subarray(offset, offset + blobs[i]!.stored))).toEqual(bytes[i]) })
    }))
  })

  it('is absent, not damaged, when there is none', async () => {
    expect(await readListing(memoryBackend(), NAME)).toBeUndefined()
  })

  it('under another name is PACK_CORRUPT', async () => {
    const writer = new PackWriter(NAME)
    writer.append({ address: addressOf(Buffer.from('x')), encoding: 0, stored: 1, plain: 1, depth: 0 }, Buffer.from('x'))
    const other = 'cd'.repeat(16)
    const backend = memoryBackend()
    await backend.put(packKey(other), writer.finish().body)
    await expect(readListing(backend, other)).rejects.toMatchObject({ code: 'PACK_CORRUPT', data: { pack: other } })
  })

  it.each([0, 7, 47, 48, 86])('of %i bytes is PACK_CORRUPT', async size => {
    const backend = memoryBackend()
    await backend.put(packKey(NAME), Buffer.alloc(size))
    await expect(readListing(backend, NAME)).rejects.toMatchObject({ code: 'PACK_CORRUPT' })
  })
})

describe('what lists blobs', () => {
  const blob: PackedBlob = { address: addressOf(Buffer.from('x')), encoding: 2, stored: 1, plain: 9, base: addressOf(Buffer.from('y')), depth: 1 }
  const footerVersion = (blobs: PackedBlob[]): unknown => decode<{ v: unknown }>(encodeFooter(blobs)).v
  const segmentVersion = (packs: PackedBlob[][]): unknown =>
    decode<{ v: unknown }>(encodeSegment(packs.map(blobs => ({ name: NAME, sizeBytes: 100, blobs }))).subarray(8, -32)).v

  it('has a version that older readers refuse by name only when it lists a script', () => {
    const script: PackedBlob = { ...blob, encoding: 3 }
    expect([footerVersion([blob]), footerVersion([blob, script])]).toEqual([1, 2])
    expect([segmentVersion([[blob], [blob]]), segmentVersion([[blob], [script]])]).toEqual([1, 2])
  })

  it.each([['a script in version 1', 3, 1, 'PACK_CORRUPT'], ['no script in version 2', 2, 2, 'PACK_CORRUPT'], ['version 3', 3, 3, 'FORMAT_UNKNOWN']] as const)('is refused with %s', (_, encoding, v, code) => {
    const { blobs } = decode<{ blobs: unknown }>(encodeFooter([{ ...blob, encoding }]))
    expect(() => decodeFooter(NAME, encode({ blobs, v }), 1)).toThrow(expect.objectContaining({ code }))
  })
})

describe('an index segment', () => {
  const packs = fc.array(fc.record({ name: fc.stringMatching(/^[0-9a-f]{32}$/), blobs: packedBlobs }), { minLength: 1, maxLength: 4 })
    .map(list => list.map(({ name, blobs }): PackListing => ({ name, blobs, sizeBytes: 1000 + blobs.reduce((sum, blob) => sum + blob.stored, 0) })))

  it('is read as it was written', () => {
    fc.assert(fc.property(packs, listings => {
      expect(decodeSegment('s', encodeSegment(listings))).toEqual(listings)
    }))
  })

  it('takes packs until it has 16,384 blobs', () => {
    const blob: PackedBlob = { address: addressOf(Buffer.from('x')), encoding: 0, stored: 1, plain: 1, depth: 0 }
    const pack = (count: number): PackListing => ({ name: NAME, sizeBytes: 1, blobs: new Array<PackedBlob>(count).fill(blob) })
    const sizes = (counts: number[]): number[][] => segmentRuns(counts.map(pack)).map(run => run.map(one => one.blobs.length))
    expect(sizes([])).toEqual([])
    expect(sizes([16_383, 1, 1])).toEqual([[16_383, 1], [1]])
    expect(sizes([70_000, 1])).toEqual([[70_000], [1]])
    expect(sizes([1, 70_000])).toEqual([[1], [70_000]])
  })
})
