import { BackupError } from '../../errors.ts'
import { leafHash, nodeHash } from './merkle.ts'
import type { HashReader, Subtree } from './merkle.ts'

/** Hashes, or entries, in a full tile. */
export const TILE_WIDTH = 256
const TILE_HEIGHT = 8
const HASH_BYTES = 32

/** A piece of the tree: `width` neighbouring hashes of level 8 · `level`, from number 256 · `index` on (C2SP tlog-tiles). */
export interface Tile {
  readonly level: number
  readonly index: number
  /** 1 to 256. */
  readonly width: number
}

/** Path of a tile of hashes, below the log's folder. */
export function tilePath ({ level, index, width }: Tile): string {
  return `tile/${level}/${numberPath(index)}${partPath(width)}`
}

/** Path of the bundle with the entries whose hashes the tile of level 0 has. */
export function bundlePath ({ index, width }: Pick<Tile, 'index' | 'width'>): string {
  return `tile/entries/${numberPath(index)}${partPath(width)}`
}

/** The tiles that a tree of `to` leaves has and one of `from` leaves has not, the lowest level first. */
export function newTiles (from: number, to: number): Tile[] {
  const tiles: Tile[] = []
  for (let level = 0, span = 1; to >= span; level++, span *= TILE_WIDTH) {
    const [had, has] = [Math.floor(from / span), Math.floor(to / span)]
    for (let index = Math.floor(had / TILE_WIDTH); index * TILE_WIDTH < has; index++) {
      const width = Math.min(TILE_WIDTH, has - index * TILE_WIDTH)
      if (index * TILE_WIDTH + width > had) tiles.push({ level, index, width })
    }
  }
  return tiles
}

/** The tiles at the right edge of a tree of `size` leaves that are not full. */
export function partialTiles (size: number): Tile[] {
  const tiles: Tile[] = []
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH
    if (width > 0) tiles.push({ level, index: Math.floor(hashes / TILE_WIDTH), width })
  }
  return tiles
}

/** Reads hashes from the tiles of a tree of `size` leaves; each tile is asked for once in a call. */
export function tileHashReader (size: number, readTile: (tile: Tile) => Promise<Uint8Array>): HashReader {
  return async subtrees => {
    const tiles = new Map<string, Promise<Uint8Array>>()
    return await Promise.all(subtrees.map(async subtree => {
      const tile = tileOf(subtree, size)
      const key = tilePath(tile)
      const reading = tiles.get(key) ?? readTile(tile)
      tiles.set(key, reading)
      return hashInTile(await reading, subtree)
    }))
  }
}

/** The widest tile with that subtree's hashes that a tree of `size` leaves has. */
export function tileOf ({ level, index }: Subtree, size: number): Tile {
  const tileLevel = Math.floor(level / TILE_HEIGHT)
  const tileIndex = Math.floor(index * 2 ** (level % TILE_HEIGHT) / TILE_WIDTH)
  const hashes = Math.floor(size / TILE_WIDTH ** tileLevel)
  const width = Math.min(TILE_WIDTH, hashes - tileIndex * TILE_WIDTH)
  if (width < 1) throw new BackupError('INVALID_OPTION', `a tree of ${size} leaves has no subtree ${index} of level ${level}`)
  return { level: tileLevel, index: tileIndex, width }
}

function hashInTile (tile: Uint8Array, { level, index }: Subtree): Uint8Array {
  const leaves = 2 ** (level % TILE_HEIGHT)
  const first = index * leaves % TILE_WIDTH * HASH_BYTES
  return foldHashes(tile.subarray(first, first + leaves * HASH_BYTES))
}

/** Root of the complete tree over these hashes, a power of two of them. */
function foldHashes (hashes: Uint8Array): Uint8Array {
  if (hashes.length === HASH_BYTES) return hashes
  const half = hashes.length / 2
  return nodeHash(foldHashes(hashes.subarray(0, half)), foldHashes(hashes.subarray(half)))
}

/** A tile's bytes of the hash of every full tile below it, or at level 0 of every leaf. */
export function encodeTile (hashes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(hashes)
}

/** The hash that a full tile has in the level above. */
export function hashOfFullTile (tile: Uint8Array): Uint8Array {
  return foldHashes(tile)
}

/** Entries as a bundle: each after its length (u16, big endian). */
export function encodeBundle (entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(entries.flatMap(entry => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(entry.length)
    return [length, entry]
  }))
}

/** @throws {BackupError} `LOG_CORRUPT` when the lengths do not add up */
export function decodeBundle (bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = []
  const view = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length)
  for (let at = 0; at < view.length;) {
    const end = at + 2 + (at + 2 <= view.length ? view.readUInt16BE(at) : 0)
    if (end > view.length) throw new BackupError('LOG_CORRUPT', `an entry bundle ends at byte ${view.length}, inside an entry`)
    entries.push(view.subarray(at + 2, end))
    at = end
  }
  return entries
}

/** The tile of level 0 that belongs to a bundle's entries. */
export function tileOfEntries (entries: readonly Uint8Array[]): Uint8Array {
  return encodeTile(entries.map(leafHash))
}

/** 1234067 → x001/x234/067 */
function numberPath (index: number): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g)!
  return groups.map((group, place) => place === groups.length - 1 ? group : `x${group}`).join('/')
}

function partPath (width: number): string {
  return width === TILE_WIDTH ? '' : `.p/${width}`
}
