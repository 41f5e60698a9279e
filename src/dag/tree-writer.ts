import { SipHash } from '../chunking/sip-hash.ts'
import type { BlobWriter } from '../cas/blob-store.ts'
import type { AbortOptions } from '../stream.ts'
import type { CID } from './block.ts'
import type { PreviousBlocks } from './previous-blocks.ts'
import type { TreeEntry, TreeForm } from './tree.ts'
import { MOST_ENTRIES } from './leaf-scan.ts'
import { encodeTree, sumOf } from './tree.ts'

/** 64 entries a block on average. */
const FAN_OUT_BITS = 6

/** A block ends when its keys and its links to values have so many bytes: few of its entries may have very many. */
const HEAVIEST = 262_144
const LINK = 40

export interface TreeOptions extends AbortOptions {
  readonly form: TreeForm
  /** 16 bytes for trees whose entries have ordered keys; left out, blocks are cut by the entries' CIDs. */
  readonly seed?: Uint8Array | undefined
  readonly blobs: Pick<BlobWriter, 'put'>
  /** An earlier tree, whose blocks are offered as bases. */
  readonly before?: Pick<PreviousBlocks, 'baseAt'> | undefined
}

export interface WrittenTree {
  /** The tree's root block; for a `bytes` tree of exactly one chunk that chunk. */
  readonly root: CID
  readonly size: number
  readonly count: number
}

/** Writes the tree of `entries`, which come in order, in one pass: at most one unfinished block of each level is held. */
export async function writeTree (entries: AsyncIterable<TreeEntry> | Iterable<TreeEntry>, options: TreeOptions): Promise<WrittenTree> {
  const writer = new TreeWriter(options)
  for await (const entry of entries) await writer.add(entry)
  return await writer.finish()
}

/** A tree in the making. */
export class TreeWriter {
  readonly #options: TreeOptions
  readonly #hash: SipHash | undefined
  readonly #levels: Level[] = []

  constructor (options: TreeOptions) {
    this.#options = options
    this.#hash = options.seed === undefined ? undefined : new SipHash(options.seed)
  }

  /** Adds an entry of level 0. */
  async add (entry: TreeEntry): Promise<void> {
    await this.#addTo(0, entry)
  }

  async finish (): Promise<WrittenTree> {
    const { form } = this.#options
    const only = this.#levels.length === 1 ? this.#levels[0]!.entries : undefined
    if (form === 'bytes' && only?.length === 1) return { root: only[0]!.link, size: only[0]!.size, count: 0 }
    for (let level = 0; ; level++) {
      const entry = await this.#write(level, this.#levels[level]?.entries ?? [])
      if (level + 1 >= this.#levels.length) return { root: entry.link, size: entry.size, count: entry.count ?? 0 }
      await this.#addTo(level + 1, entry)
    }
  }

  /** A block is only written when the next entry comes, so that the last block of a level can turn out to be the root. */
  async #addTo (number: number, entry: TreeEntry): Promise<void> {
    const level = this.#levels[number] ??= { entries: [], weight: 0, complete: false }
    if (level.complete) {
      const above = await this.#write(number, level.entries)
      level.entries = []
      level.weight = 0
      await this.#addTo(number + 1, above)
    }
    level.entries.push(entry)
    level.weight += (entry.key?.length ?? 0) + LINK * (entry.refs?.length ?? 0)
    level.complete = level.entries.length >= MOST_ENTRIES || level.weight >= HEAVIEST || this.#endsBlock(entry, number)
  }

  /** The cut rule. (format.md § Trees) */
  #endsBlock ({ link, key }: TreeEntry, level: number): boolean {
    if (this.#hash === undefined || key === undefined) return link.multihash.digest[0]! >>> (8 - FAN_OUT_BITS) === 0
    const input = new Uint8Array(key.length + 1)
    input.set(key)
    input[key.length] = level + 1
    return this.#hash.of(input).below(FAN_OUT_BITS)
  }

  async #write (level: number, entries: readonly TreeEntry[]): Promise<TreeEntry> {
    const { form, blobs, before, signal } = this.#options
    const { cid, bytes } = encodeTree({ form, level, entries })
    const key = entries[0]?.key
    await blobs.put(bytes, { base: key && await before?.baseAt(level, key), signal })
    const { count, size } = sumOf(entries)
    return { link: cid, size, count: form === 'bytes' ? undefined : count, key }
  }
}

interface Level {
  entries: TreeEntry[]
  weight: number
  /** True when the cut rule ends the block after its last entry. */
  complete: boolean
}
