import { afterAll, describe, expect, it } from 'vitest'
import { addressOf } from '../../src/cas/address.ts'
import { encodeBlob } from '../../src/cas/blob-encoder.ts'
import type { Base } from '../../src/cas/blob-encoder.ts'
import type { PackedBlob } from '../../src/cas/blob-list.ts'
import { Codec } from '../../src/cas/codec.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'

const codec = new Codec()
afterAll(async () => { await codec.close() })

async function encoded (bytes: Uint8Array, base?: Base): Promise<{ blob: PackedBlob, stored: Uint8Array }> {
  return await encodeBlob(codec, { address: addressOf(bytes), bytes }, base, (blob, stored) => ({ blob, stored: Buffer.from(stored) }))
}

describe('an encoded blob', () => {
  const rows = seededRows(1000, 'rows')
  const base = (bytes: Buffer, depth = 0): Base => ({ address: 'b'.repeat(64), bytes, depth })
  const changed = Buffer.from(rows).fill('x', 500, 520)

  it('is itself when zstd does not help', async () => {
    const random = seededBytes(1000, 'r')
    expect(await encoded(random)).toEqual({ blob: { address: addressOf(random), encoding: 0, stored: 1000, plain: 1000, depth: 0 }, stored: random })
  })

  it('is a frame when that is shorter', async () => {
    const { blob, stored } = await encoded(rows)
    expect(blob).toEqual({ address: addressOf(rows), encoding: 1, stored: stored.length, plain: rows.length, depth: 0 })
    expect(stored.length).toBeLessThan(rows.length / 2)
  })

  it('is a delta one deeper than its base when that halves it', async () => {
    const { blob, stored } = await encoded(changed, base(rows, 3))
    expect(blob).toMatchObject({ encoding: 2, base: 'b'.repeat(64), depth: 4, plain: rows.length })
    expect(stored.length).toBeLessThan(200)
  })

  it('is a delta of a base that is like a third of it only if that halves it too', async () => {
    const random = seededBytes(30_000, 'r')
    expect((await encoded(random, base(random.subarray(0, 10_000)))).blob).toMatchObject({ encoding: 0 })
    expect((await encoded(random, base(random.subarray(0, 20_000)))).blob).toMatchObject({ encoding: 2 })
  })

  it('is a script when it is known what was taken over of the base', async () => {
    const copies = [{ at: 0, from: 0, length: 500 }, { at: 520, from: 520, length: rows.length - 520 }]
    const { blob, stored } = await encoded(changed, { ...base(rows, 3), copies })
    expect(blob).toEqual({ address: addressOf(changed), encoding: 3, base: 'b'.repeat(64), depth: 4, plain: rows.length, stored: stored.length })
    expect((await codec.decode(stored, blob, rows)).address).toBe(addressOf(changed))
    expect((await encoded(changed, { ...base(rows, 8), copies })).blob).toMatchObject({ encoding: 1 })
  })

  it.each([
    ['what was taken over is other', [{ at: 0, from: 0, length: rows.length }]],
    ['little was taken over', [{ at: 0, from: 0, length: 300 }]],
  ])('is no script when %s', async (_, copies) => {
    expect((await encoded(changed, { ...base(rows), copies })).blob).toMatchObject({ encoding: 2 })
  })

  it('is no delta of something else, nor of a base that is too deep or empty', async () => {
    expect((await encoded(rows, base(seededRows(1000, 'other')))).blob).toMatchObject({ encoding: 1 })
    expect((await encoded(changed, base(rows, 8))).blob).toMatchObject({ encoding: 1 })
    expect((await encoded(changed, base(rows, 7))).blob).toMatchObject({ encoding: 2, depth: 8 })
    expect((await encoded(changed, base(Buffer.alloc(0)))).blob).toMatchObject({ encoding: 1 })
  })
})
