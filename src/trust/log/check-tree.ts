import type { AbortOptions } from '../../stream.ts'
import type { StoredLog } from './check-leaves.ts'
import type { Checkpoint } from './checkpoint.ts'
import { ExpectedTiles } from './expected-tiles.ts'
import { corruptFinding } from './log-finding.ts'
import type { LogFinding } from './log-finding.ts'
import { NEWEST_CHECKPOINT_KEY, TILE_PREFIX, bundleKey, checkpointKey, entryKey, tileKey } from './log-layout.ts'
import type { LogStore } from './log-store.ts'
import { leafHash } from './merkle.ts'
import { TILE_WIDTH, newTiles, partialTiles } from './tile.ts'
import { TreeBuilder } from './tree-builder.ts'

/** Root of the first n leaves, for each n asked for that the leaves reach without a gap. */
export function rootsAt (leaves: StoredLog['leaves'], sizes: Iterable<number>): Map<number, Uint8Array> {
  const wanted = new Set(sizes)
  const roots = new Map<number, Uint8Array>()
  const tree = new TreeBuilder()
  if (wanted.has(0)) roots.set(0, tree.root())
  for (const leaf of leaves) {
    if (leaf === undefined) break
    tree.add(leaf)
    if (wanted.has(tree.size)) roots.set(tree.size, tree.root())
  }
  return roots
}

/** Compares entries, checkpoints and tiles with each other. */
export async function * checkTree (store: LogStore, { leaves, checkpoints }: StoredLog, options: AbortOptions = {}): AsyncGenerator<LogFinding> {
  const newest = newestOf(checkpoints)
  if (newest === undefined) return
  const roots = rootsAt(leaves, [...checkpoints.values()].map(({ size }) => size))
  const isRight = ({ size, root }: Checkpoint): boolean => equal(roots.get(size), root)
  if (isRight(newest)) {
    for (const [key, checkpoint] of checkpoints) if (!isRight(checkpoint)) yield corruptFinding(key, 'has another root than the entries give')
    yield * checkTiles(store, leaves.slice(0, newest.size) as Uint8Array[], checkpoints, options)
    yield * checkPresence(store, checkpoints, newest, options)
    return
  }
  const changed = await changedEntries(store, leaves.slice(0, newest.size), options)
  for (const index of changed) yield corruptFinding(entryKey(index), 'was changed: the tiles have another leaf there')
  if (changed.length === 0 && leaves.slice(0, newest.size).every(leaf => leaf !== undefined)) {
    yield corruptFinding(checkpointKey(newest.size), 'has another root than the entries and the tiles give')
  }
}

/** The checkpoint of the greatest size. */
export function newestOf (checkpoints: StoredLog['checkpoints']): Checkpoint | undefined {
  return [...checkpoints.values()].reduce<Checkpoint | undefined>((newest, each) => newest === undefined || each.size > newest.size ? each : newest, undefined)
}

/** Entries whose hash is not the one in the stored tile. */
async function changedEntries (store: LogStore, leaves: StoredLog['leaves'], options: AbortOptions): Promise<number[]> {
  const changed: number[] = []
  for (const tile of newTiles(0, leaves.length)) {
    const stored = tile.level === 0 ? await store.backend.get(tileKey(tile), options) : undefined
    for (let at = 0; stored !== undefined && at < tile.width; at++) {
      const leaf = leaves[tile.index * TILE_WIDTH + at]
      if (leaf !== undefined && !equal(leafHash(leaf), stored.subarray(at * 32, at * 32 + 32))) changed.push(tile.index * TILE_WIDTH + at)
    }
  }
  return changed
}

/** Every tile and bundle that is stored must be what the leaves give; those of every checkpoint must be there. */
async function * checkTiles (store: LogStore, leaves: readonly Uint8Array[], checkpoints: StoredLog['checkpoints'], options: AbortOptions): AsyncGenerator<LogFinding> {
  const tiles = new ExpectedTiles(leaves)
  const needed = neededBy(leaves.length, [...checkpoints.values()].map(({ size }) => size))
  for await (const { key } of store.backend.list(TILE_PREFIX, options)) {
    needed.delete(key)
    const expected = tiles.at(key)
    if (expected === undefined) continue // of leaves beyond the checkpoint, by somebody at work
    if (!equal(await store.backend.get(key, options), expected)) yield corruptFinding(key, 'is not what the entries give')
  }
  for (const key of needed) yield { severity: 'error', code: 'LOG_CORRUPT', message: `${key} is missing; it can be made again from the entries`, key }
}

/** Keys of full tiles, and of partial ones that no full one has followed yet. */
function neededBy (size: number, checkpoints: readonly number[]): Set<string> {
  const full = newTiles(0, size).filter(({ width }) => width === TILE_WIDTH)
  const isFull = new Set(full.map(tileKey))
  const partial = checkpoints.filter(each => each <= size).flatMap(partialTiles).filter(tile => !isFull.has(tileKey({ ...tile, width: TILE_WIDTH })))
  return new Set([...full, ...partial].flatMap(tile => tile.level === 0 ? [tileKey(tile), bundleKey(tile)] : [tileKey(tile)]))
}

/** A partial tile was made together with a checkpoint of its size. */
async function * checkPresence (store: LogStore, checkpoints: StoredLog['checkpoints'], newest: Checkpoint, options: AbortOptions): AsyncGenerator<LogFinding> {
  const expected = new Set([NEWEST_CHECKPOINT_KEY, checkpointKey(newest.size)])
  for await (const { key } of store.backend.list(`${TILE_PREFIX}0/`, options)) {
    const [, path = '', part] = /\/tile\/0\/([x\d/]+?)\.p\/(\d+)$/.exec(key) ?? []
    if (part === undefined) continue
    const size = Number(path.replaceAll(/[x/]/g, '')) * TILE_WIDTH + Number(part)
    if (size < newest.size) expected.add(checkpointKey(size))
  }
  for (const key of expected) {
    if (checkpoints.has(key) || await store.backend.size(key, options) !== undefined) continue
    yield { severity: key === NEWEST_CHECKPOINT_KEY ? 'warning' : 'error', code: 'LOG_CORRUPT', message: `${key} is missing`, key }
  }
}

function equal (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0
}
