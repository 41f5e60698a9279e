import type { Address } from '../cas/blob-store.ts'
import type { CID } from './block.ts'
import { addressOf, isChunk } from './block.ts'
import { Previous } from './previous.ts'
import { RenamedMembers } from './renamed-members.ts'
import type { TreeEntry } from './tree.ts'
import type { BlobSource, TreeCursor } from './tree-reader.ts'

/** So many chunks of the earlier version are known at once: those of 2 GiB. */
const WINDOW = 32_768
/** So many are forgotten at a time. */
const FORGOTTEN_AT_LEAST = WINDOW >> 3
/** So far from where a chunk should have stood an equal one is still found. */
const REACH = 64 * 1024 * 1024
/** Two chunks begin at the same border if they begin as near as this part of their size. */
const NEAR = 1 / 8

interface Leaf {
  readonly start: number
  readonly size: number
  readonly address: Address
}

/** What is known of a chunk's place in a tar: see `LabelledChunk`. */
export interface StreamPlace {
  readonly label?: string | undefined
  readonly memberBytes?: number | undefined
}

/**
 * The chunk that stood at the same place of a stream. The place is the label, if there is one that was there before (see {@link RenamedMembers});
 * else the offset, shifted by what was inserted and deleted before it: that shows where chunks are equal, and where borders
 * are near to where they were.
 */
export class PreviousStream extends Previous {
  readonly #only: Address | undefined
  /** In the order of the stream. */
  #leaves: Leaf[] = []
  readonly #labelled = new Map<string, Leaf>()
  readonly #renamed = new RenamedMembers()
  /** By address; null for what is there more than once, which tells nothing. */
  readonly #alike = new Map<Address, Leaf | null>()
  /** Bytes of the earlier version read so far. */
  #end = 0
  /** How much further back things stand now. */
  #shift = 0

  constructor (root: CID, blobs: BlobSource) {
    super(root, blobs)
    this.#only = isChunk(root) ? addressOf(root) : undefined
  }

  /** Offsets must not descend. The last chunk stands for all that is behind it. */
  async baseAt (offset: number, { label, memberBytes }: StreamPlace = {}): Promise<Address | undefined> {
    return this.#only ?? await this.search(async cursor => {
      const place = Math.max(0, offset - this.#shift)
      await this.#readTo(cursor, place + REACH, place - REACH)
      const same = label === undefined ? undefined : await this.#leafOf(label, memberBytes, async () => { await this.#readTo(cursor, Infinity, place - REACH) })
      const leaf = same ?? this.#leafAt(place)
      if (leaf !== undefined && (same !== undefined || Math.abs(leaf.start - place) < leaf.size * NEAR)) this.#shift = offset - leaf.start
      return leaf?.address
    })
  }

  async #leafOf (label: string, memberBytes: number | undefined, readOn: () => Promise<void>): Promise<Leaf | undefined> {
    if (!this.#labelled.has(label)) await readOn()
    const same = this.#labelled.get(label)
    if (same !== undefined) {
      this.#renamed.keep(label)
      return same
    }
    const earlier = this.#renamed.earlierLabel(label, memberBytes, candidate => this.#labelled.has(candidate))
    return earlier === undefined ? undefined : this.#labelled.get(earlier)
  }

  /** Takes note that the chunk now at `offset` is equal to one that was there before. */
  align (address: Address, offset: number): void {
    const leaf = this.#alike.get(address)
    if (leaf !== undefined && leaf !== null) this.#shift = offset - leaf.start
  }

  /** The leaf that begins nearest, if that is near enough, or else the one that `place` is in. */
  #leafAt (place: number): Leaf | undefined {
    let low = 0, high = this.#leaves.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#leaves[middle]!.start <= place) low = middle + 1
      else high = middle
    }
    const [at, next] = [this.#leaves[low - 1], this.#leaves[low]]
    return at === undefined || (next !== undefined && next.start - place < next.size * NEAR) ? next : at
  }

  /** Reads on to the offset `end`, as far as the window allows when what begins at `kept` and after must stay in it. */
  async #readTo (cursor: TreeCursor, end: number, kept: number): Promise<void> {
    while (this.#end < end) {
      if (this.#leaves.length >= WINDOW && !this.#forget(kept)) return
      const entry = await cursor.leaf()
      if (entry === undefined) return
      cursor.skip()
      this.#remember(entry)
    }
  }

  #remember ({ link, size, key }: TreeEntry): void {
    const leaf = { start: this.#end, size, address: addressOf(link) }
    this.#end += size
    this.#leaves.push(leaf)
    this.#alike.set(leaf.address, this.#alike.has(leaf.address) ? null : leaf)
    if (key === undefined) return
    const label = labelOf(key)
    this.#labelled.set(label, leaf)
    this.#renamed.remember(label, size)
  }

  /** Forgets what ends before the offset `start`; false when that is too little for the effort. */
  #forget (start: number): boolean {
    if (this.#leaves[FORGOTTEN_AT_LEAST]!.start >= start) return false
    const kept = this.#leaves.filter(leaf => leaf.start + leaf.size > start)
    this.#leaves = kept
    const first = kept[0]?.start ?? this.#end
    for (const map of [this.#labelled, this.#alike]) {
      for (const [name, leaf] of map) if (leaf !== null && leaf.start < first) map.delete(name)
    }
    return true
  }
}

function labelOf (key: Uint8Array): string {
  return Buffer.from(key).toString('utf8')
}
