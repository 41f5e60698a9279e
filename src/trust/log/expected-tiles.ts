import { tileKey } from './log-layout.ts'
import { TILE_WIDTH, encodeBundle, hashOfFullTile, newTiles, tileOfEntries } from './tile.ts'
import type { Tile } from './tile.ts'

/** The tiles and bundles of a log, made of its leaves alone. */
export class ExpectedTiles {
  readonly #leaves: readonly Uint8Array[]
  /** The widest tile of each level and index. */
  readonly #tiles = new Map<string, Uint8Array>()

  constructor (leaves: readonly Uint8Array[]) {
    this.#leaves = leaves
    for (const tile of newTiles(0, leaves.length)) this.#tiles.set(placeOf(tile), this.#make(tile))
  }

  /** What stands under that key; undefined if that is none of these leaves alone. */
  at (key: string): Uint8Array | undefined {
    const [, kind = '', path = '', part] = /^metadata\/log\/tile\/(\d+|entries)\/([x\d/]+?)(?:\.p\/(\d+))?$/.exec(key) ?? []
    const index = Number(path.replaceAll(/[x/]/g, ''))
    const width = part === undefined ? TILE_WIDTH : Number(part)
    if (kind === 'entries') {
      const own = this.#leaves.slice(index * TILE_WIDTH, index * TILE_WIDTH + width)
      return own.length === width ? encodeBundle(own) : undefined
    }
    const tile = this.#tiles.get(placeOf({ level: Number(kind), index }))
    return tile !== undefined && tile.length >= width * 32 ? tile.subarray(0, width * 32) : undefined
  }

  #make ({ level, index, width }: Tile): Uint8Array {
    if (level === 0) return tileOfEntries(this.#leaves.slice(index * TILE_WIDTH, index * TILE_WIDTH + width))
    const children = Array.from({ length: width }, (_, at) => this.#tiles.get(placeOf({ level: level - 1, index: index * TILE_WIDTH + at }))!)
    return Buffer.concat(children.map(hashOfFullTile))
  }
}

function placeOf ({ level, index }: Pick<Tile, 'level' | 'index'>): string {
  return tileKey({ level, index, width: TILE_WIDTH })
}
