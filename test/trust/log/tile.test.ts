import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leafHash, proveConsistency, proveInclusion, rootOf } from '../../../src/trust/log/merkle.ts'
import type { HashReader } from '../../../src/trust/log/merkle.ts'
import { TILE_WIDTH, bundlePath, decodeBundle, encodeBundle, hashOfFullTile, newTiles, tileHashReader, tileOfEntries, tilePath } from '../../../src/trust/log/tile.ts'
import type { Tile } from '../../../src/trust/log/tile.ts'
import { leafOf, testTree } from './trees.ts'

const tree = testTree()

/** A tile cut out of the tree's own hashes. */
async function tileBytes ({ level, index, width }: Tile): Promise<Uint8Array> {
  return Buffer.concat(await tree(Array.from({ length: width }, (_, at) => ({ level: level * 8, index: index * TILE_WIDTH + at }))))
}

function counting (size: number): { read: HashReader, asked: Tile[] } {
  const asked: Tile[] = []
  return { asked, read: tileHashReader(size, async tile => { asked.push(tile); return await tileBytes(tile) }) }
}

describe('tiles', () => {
  it('have the paths that C2SP gives', () => {
    expect(tilePath({ level: 0, index: 1234067, width: 256 })).toBe('tile/0/x001/x234/067')
    expect(tilePath({ level: 3, index: 0, width: 17 })).toBe('tile/3/000.p/17')
    expect(tilePath({ level: 1, index: 1000, width: 256 })).toBe('tile/1/x001/000')
    expect(bundlePath({ index: 273, width: 112 })).toBe('tile/entries/273.p/112')
  })

  it('are for 70,000 and 256 leaves those that C2SP lists', () => {
    const tiles = newTiles(0, 70_000)
    expect(tiles.filter(({ level, width }) => level === 0 && width === 256)).toHaveLength(273)
    expect(tiles.slice(273)).toEqual([{ level: 0, index: 273, width: 112 }, { level: 1, index: 0, width: 256 }, { level: 1, index: 1, width: 17 }, { level: 2, index: 0, width: 1 }])
    expect(newTiles(0, 256)).toEqual([{ level: 0, index: 0, width: 256 }, { level: 1, index: 0, width: 1 }])
  })

  it('are each made once while a log grows by any steps', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 8 }), steps => {
      let size = 0
      const full = steps.flatMap(step => newTiles(size, size += step)).filter(({ width }) => width === 256).map(tilePath)
      expect(full.sort()).toEqual(newTiles(0, size).filter(({ width }) => width === 256).map(tilePath).sort())
      expect(newTiles(size, size)).toEqual([])
    }), { seed: 4 })
  })

  it('give the same roots and proofs as the leaves, from a handful of tiles', async () => {
    for (const [from, size] of [[1, 1], [1, 255], [255, 256], [256, 257], [300, 513], [1000, 70_000]] as const) {
      const { read, asked } = counting(size)
      expect(await rootOf(size, read)).toEqual(await rootOf(size, tree))
      expect(await proveInclusion(from - 1, size, read)).toEqual(await proveInclusion(from - 1, size, tree))
      expect(await proveConsistency(from, size, read)).toEqual(await proveConsistency(from, size, tree))
      expect(asked.length).toBeLessThan(15)
    }
  })

  it('hold what the tile above says of them', async () => {
    const full = await tileBytes({ level: 0, index: 1, width: 256 })
    expect([hashOfFullTile(full)]).toEqual(await tree([{ level: 8, index: 1 }]))
    expect(full).toEqual(tileOfEntries(Array.from({ length: 256 }, (_, n) => leafOf(256 + n))))
    expect(tileOfEntries([leafOf(0)])).toEqual(Buffer.from(leafHash(leafOf(0))))
  })
})

describe('entry bundle', () => {
  it('gives its entries back', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), entries => {
      expect(decodeBundle(encodeBundle(entries)).map(entry => [...entry])).toEqual(entries.map(entry => [...entry]))
    }), { seed: 5 })
    expect(Buffer.from(encodeBundle([Buffer.from('ab'), Buffer.of()])).toString('hex')).toBe('000261620000')
  })

  it.each(['00', '0002', '000261', '00026162ff'])('is refused when it ends early: %s', hex => {
    expect(() => decodeBundle(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }))
  })
})
