import { encodeRecord } from '../../cas/record.ts'
import type { AbortOptions } from '../../stream.ts'
import { checkCosignatures } from './check-cosignatures.ts'
import { readStoredLog } from './check-leaves.ts'
import type { StoredLog } from './check-leaves.ts'
import type { StoredRecords } from './check-records.ts'
import { checkTree, newestOf, rootsAt } from './check-tree.ts'
import { signCheckpoint } from './checkpoint.ts'
import { ExpectedTiles } from './expected-tiles.ts'
import { CHECKPOINT_PREFIX, NEWEST_CHECKPOINT_KEY, TILE_PREFIX, bundleKey, entryKey, numberOf } from './log-layout.ts'
import type { LogStore } from './log-store.ts'
import type { Log } from './log.ts'
import type { NoteSigner } from './note-key.ts'
import { TILE_WIDTH, decodeBundle, newTiles } from './tile.ts'

export interface RepairLogOptions extends AbortOptions {
  /** Signs again what was signed before; without it damaged checkpoints stay. */
  readonly signer?: NoteSigner | undefined
  /** By whose keys cosignatures are checked; a wrong one is left out, for it stands in its commit record too. @default none are */
  readonly records?: StoredRecords | undefined
  /** Only says what would be done. @default false */
  readonly dryRun?: boolean | undefined
}

/**
 * Makes tiles, bundles and checkpoints of a log again from its entries, and entries from their bundles; only as far as all of it then gives the
 * root of the newest checkpoint that is signed rightly, so that nothing is ever signed that was not. Openings cannot be made again.
 * @returns the keys that were written
 * @throws {BackupError} `STORAGE_…`
 */
export async function repairLog (log: Log, { signer, records, dryRun = false, signal }: RepairLogOptions = {}): Promise<string[]> {
  const stored = await readStoredLog(log, { signal })
  const newest = newestOf(stored.checkpoints)
  const leaves = newest && await provenLeaves(log.store, stored, newest, { signal })
  if (leaves === undefined) return []
  const objects = new Map<string, Uint8Array>()
  for (const [index, leaf] of leaves.entries()) {
    if (!equal(leaf, stored.leaves[index])) objects.set(entryKey(index), encodeRecord({ leaf: Buffer.from(leaf).toString('hex') }))
  }
  const tiles = new ExpectedTiles(leaves)
  const roots = rootsAt(leaves, Array.from({ length: leaves.length }, (_, at) => at + 1))
  const cosignatures = records === undefined ? [] : [...checkCosignatures(records, stored, log.key)]
  const wrong = [...[...stored.findings, ...cosignatures.filter(({ severity }) => severity === 'error')].map(({ key }) => key), ...await Array.fromAsync(checkTree(log.store, { ...stored, leaves }, { signal }), ({ key }) => key)]
  for (const key of wrong.filter(each => each !== undefined)) {
    const size = key === NEWEST_CHECKPOINT_KEY ? leaves.length : key.startsWith(CHECKPOINT_PREFIX) ? numberOf(key) : undefined
    const root = size === undefined ? undefined : roots.get(size)
    const bytes = key.startsWith(TILE_PREFIX) ? tiles.at(key) : size !== undefined && root !== undefined && signer !== undefined ? Buffer.from(signCheckpoint({ size, root }, signer)) : undefined
    if (bytes !== undefined) objects.set(key, bytes)
  }
  if (!dryRun) for (const [key, bytes] of objects) await log.store.backend.put(key, bytes, { signal })
  return [...objects.keys()]
}

/** The leaves that the newest checkpoint covers, taken of entries or bundles; undefined if they do not give its root. */
async function provenLeaves (store: LogStore, stored: StoredLog, { size, root }: { readonly size: number, readonly root: Uint8Array }, options: AbortOptions): Promise<Uint8Array[] | undefined> {
  const isProven = (leaves: StoredLog['leaves']): leaves is Uint8Array[] => equal(rootsAt(leaves, [size]).get(size), root)
  const entries = stored.leaves.slice(0, size)
  if (isProven(entries)) return entries
  const bundled = await bundledLeaves(store, size, options)
  const mixed = Array.from({ length: size }, (_, index) => bundled[index] ?? entries[index])
  return isProven(mixed) ? mixed : undefined
}

async function bundledLeaves ({ backend }: LogStore, size: number, options: AbortOptions): Promise<Array<Uint8Array | undefined>> {
  const leaves: Array<Uint8Array | undefined> = []
  for (const tile of newTiles(0, size).filter(({ level }) => level === 0)) {
    const bundle = await backend.get(bundleKey(tile), options)
    const entries = bundle === undefined ? [] : orNone(bundle)
    for (let at = 0; at < tile.width; at++) leaves[tile.index * TILE_WIDTH + at] = entries[at]
  }
  return leaves
}

function orNone (bundle: Uint8Array): Uint8Array[] {
  try {
    return decodeBundle(bundle)
  } catch {
    return [] // then the entries have to do
  }
}

function equal (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0
}
