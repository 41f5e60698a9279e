import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { bundleKey, tileKey } from './log-layout.ts'
import type { LogStore } from './log-store.ts'
import { leafHash, rootOf } from './merkle.ts'
import type { TreeHead } from './merkle.ts'
import { TILE_WIDTH, encodeBundle, hashOfFullTile, newTiles, tileHashReader } from './tile.ts'
import type { Tile } from './tile.ts'

/** A log with further leaves: its new head, and all objects that it has and did not have before. */
export interface Growth {
  readonly head: TreeHead
  /** Bytes by key. */
  readonly objects: ReadonlyMap<string, Uint8Array>
}

/**
 * Computes what `leaves` after `head` make: the same bytes, whoever does it. Reads the tiles at the tree's right edge only.
 * @throws {BackupError} `LOG_CORRUPT` when the tiles do not give the head's root
 */
export async function growLog (store: LogStore, head: TreeHead, leaves: readonly Uint8Array[], options: AbortOptions = {}): Promise<Growth> {
  const edge = new TileCache(store, options)
  if (Buffer.compare(await rootOf(head.size, tileHashReader(head.size, edge.read)), head.root) !== 0) {
    throw new BackupError('LOG_CORRUPT', `the tiles of the log do not give the root of its checkpoint of ${head.size} leaves; \`caf repair\` makes them again if the entries are intact`, { data: { size: head.size } })
  }
  const size = head.size + leaves.length
  const objects = new Map<string, Uint8Array>()
  for (const tile of newTiles(head.size, size)) {
    const had = widthAt(tile, head.size)
    const before = had === 0 ? Buffer.of() : await edge.read({ ...tile, width: had })
    const added = Array.from({ length: tile.width - had }, (_, at) => tile.index * TILE_WIDTH + had + at)
    const hashes = added.map(place => tile.level === 0 ? leafHash(leaves[place - head.size]!) : hashOfFullTile(objects.get(tileKey(fullBelow(tile, place)))!))
    objects.set(tileKey(tile), Buffer.concat([before, ...hashes]))
    if (tile.level > 0) continue
    const entries = had === 0 ? [] : await store.readBundle({ ...tile, width: had }, before, options)
    objects.set(bundleKey(tile), encodeBundle([...entries, ...added.map(place => leaves[place - head.size]!)]))
  }
  const read = tileHashReader(size, async tile => objects.get(tileKey(tile)) ?? await edge.read(tile))
  return { head: { size, root: await rootOf(size, read) }, objects }
}

/** How many hashes of the tile a tree of `size` leaves has. */
function widthAt ({ level, index }: Tile, size: number): number {
  return Math.min(TILE_WIDTH, Math.max(0, Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH))
}

/** The full tile whose root is hash number `place` of the tile's level. */
function fullBelow ({ level }: Tile, place: number): Tile {
  return { level: level - 1, index: place, width: TILE_WIDTH }
}

class TileCache {
  readonly #tiles = new Map<string, Promise<Uint8Array>>()
  readonly #read: (tile: Tile) => Promise<Uint8Array>

  constructor (store: LogStore, options: AbortOptions) {
    this.#read = async tile => await store.readTile(tile, options)
  }

  readonly read = async (tile: Tile): Promise<Uint8Array> => {
    const key = tileKey(tile)
    const reading = this.#tiles.get(key) ?? this.#read(tile)
    this.#tiles.set(key, reading)
    return await reading
  }
}
