import { OPENING_PREFIX } from '../../cas/layout.ts'
import { bundlePath, tilePath } from './tile.ts'
import type { Tile } from './tile.ts'

/** Keys of the log (docs/format.md, "Log"). */
export const LOG_PREFIX = 'metadata/log/'
export const ENTRY_PREFIX = `${LOG_PREFIX}entries/`
export const TILE_PREFIX = `${LOG_PREFIX}tile/`
export const CHECKPOINT_PREFIX = `${LOG_PREFIX}checkpoints/`
export const NEWEST_CHECKPOINT_KEY = `${LOG_PREFIX}checkpoint`

export function entryKey (index: number): string {
  return ENTRY_PREFIX + numbered(index)
}

export function checkpointKey (size: number): string {
  return CHECKPOINT_PREFIX + numbered(size)
}

export function tileKey (tile: Tile): string {
  return LOG_PREFIX + tilePath(tile)
}

export function bundleKey (tile: Pick<Tile, 'index' | 'width'>): string {
  return LOG_PREFIX + bundlePath(tile)
}

export function openingKey (leaf: Uint8Array): string {
  return OPENING_PREFIX + Buffer.from(leaf).toString('hex')
}

/** The number that a key of entries or checkpoints ends in; undefined if it is none. */
export function numberOf (key: string): number | undefined {
  const [, digits] = /\/(\d{10})$/.exec(key) ?? []
  return digits === undefined ? undefined : Number(digits)
}

function numbered (n: number): string {
  return String(n).padStart(10, '0')
}
