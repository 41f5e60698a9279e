import * as v from 'valibot'
import { createRecord, readRecord } from '../../cas/records.ts'
import { BackupError } from '../../errors.ts'
import { hexDigits } from '../../shape.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'
import { bundleKey, entryKey, openingKey, tileKey } from './log-layout.ts'
import { leafOfOpening } from './opening.ts'
import { TILE_WIDTH, decodeBundle, hashOfFullTile, tileOfEntries } from './tile.ts'
import type { Tile } from './tile.ts'

const EntryRecord = v.object({ leaf: hexDigits(64) })
const HASH_BYTES = 32

/** The log's leaves and what is derived of them, as they stand in the storage. */
export class LogStore {
  readonly backend: StorageBackend

  constructor (backend: StorageBackend) {
    this.backend = backend
  }

  /** The leaf at that place; undefined beyond the end. @throws {BackupError} `RECORD_CORRUPT`, `STORAGE_…` */
  async readLeaf (index: number, options?: AbortOptions): Promise<Uint8Array | undefined> {
    const record = await readRecord(this.backend, entryKey(index), EntryRecord, options)
    return record === undefined ? undefined : Buffer.from(record.leaf, 'hex')
  }

  /** The leaves from number `first` to the end. */
  async readLeavesFrom (first: number, options?: AbortOptions): Promise<Uint8Array[]> {
    const leaves: Uint8Array[] = []
    for (let leaf; (leaf = await this.readLeaf(first + leaves.length, options)) !== undefined;) leaves.push(leaf)
    return leaves
  }

  /** How many leaves there are, at least `from`: looks at a few places only, for leaves have no holes between them. */
  async end (from: number, options?: AbortOptions): Promise<number> {
    const isTaken = async (index: number): Promise<boolean> => await this.backend.size(entryKey(index), options) !== undefined
    let step = 1
    while (await isTaken(from + step - 1)) step *= 2
    let [taken, free] = [from + Math.floor(step / 2), from + step - 1] // all before `taken` are; `free` is not
    while (taken < free) {
      const middle = Math.floor((taken + free) / 2)
      if (await isTaken(middle)) taken = middle + 1
      else free = middle
    }
    return taken
  }

  /** Takes that place for a leaf; false if it was taken. */
  async createEntry (index: number, leaf: Uint8Array, options?: AbortOptions): Promise<boolean> {
    return await createRecord(this.backend, entryKey(index), { leaf: Buffer.from(leaf).toString('hex') }, options)
  }

  /** Puts what a leaf says; returns the leaf. */
  async putOpening (opening: Uint8Array, options?: AbortOptions): Promise<Uint8Array> {
    const leaf = leafOfOpening(opening)
    await this.backend.put(openingKey(leaf), opening, { ...options, whenPresent: 'keep' })
    return leaf
  }

  /** What a leaf says. @throws {BackupError} `LOG_CORRUPT` when it is missing or says something else; `SEAL_BROKEN`, `KEY_NEEDED`, `STORAGE_…` */
  async readOpening (leaf: Uint8Array, options?: AbortOptions): Promise<Uint8Array> {
    const key = openingKey(leaf)
    const opening = await this.backend.get(key, options)
    if (opening === undefined) throw new BackupError('LOG_CORRUPT', `${key}, which says what a leaf of the log is, is missing`, { data: { key } })
    if (Buffer.compare(leafOfOpening(opening), leaf) !== 0) throw new BackupError('LOG_CORRUPT', `${key} was changed: the leaf of the log says something else`, { data: { key } })
    return opening
  }

  /** A tile's hashes: as stored, or of the full tile that followed it, or made again of the entries. Only a root proves them right. */
  async readTile (tile: Tile, options?: AbortOptions): Promise<Uint8Array> {
    const length = tile.width * HASH_BYTES
    const stored = await this.backend.get(tileKey(tile), options)
    if (stored?.length === length) return stored
    const full = tile.width === TILE_WIDTH ? undefined : await this.backend.get(tileKey({ ...tile, width: TILE_WIDTH }), options)
    return full?.length === TILE_WIDTH * HASH_BYTES ? full.subarray(0, length) : await this.deriveTile(tile, options)
  }

  /** A tile made of the entries alone. @throws {BackupError} `LOG_CORRUPT` when one is missing */
  async deriveTile ({ level, index, width }: Tile, options?: AbortOptions): Promise<Uint8Array> {
    if (level === 0) return tileOfEntries(await this.readLeaves(index * TILE_WIDTH, width, options))
    const hashes: Uint8Array[] = []
    for (let child = index * TILE_WIDTH; child < index * TILE_WIDTH + width; child++) {
      hashes.push(hashOfFullTile(await this.deriveTile({ level: level - 1, index: child, width: TILE_WIDTH }, options)))
    }
    return Buffer.concat(hashes)
  }

  /** The entries whose hashes `tile`, of level 0, has: of their bundle if that agrees, else one by one. */
  async readBundle (tile: Tile, hashes: Uint8Array, options?: AbortOptions): Promise<Uint8Array[]> {
    const bundle = await this.backend.get(bundleKey(tile), options)
    const entries = bundle === undefined ? [] : decodeBundle(bundle)
    return Buffer.compare(tileOfEntries(entries), hashes) === 0 ? entries : await this.readLeaves(tile.index * TILE_WIDTH, tile.width, options)
  }

  /** `count` leaves from number `first` on. @throws {BackupError} `LOG_CORRUPT` when one is missing */
  async readLeaves (first: number, count: number, options?: AbortOptions): Promise<Uint8Array[]> {
    return await Promise.all(Array.from({ length: count }, async (_, at) => await this.readLeaf(first + at, options) ?? missing(first + at)))
  }
}

function missing (index: number): never {
  const key = entryKey(index)
  throw new BackupError('LOG_CORRUPT', `${key} is missing: the log has lost a leaf`, { data: { key } })
}
