import { createHash } from 'node:crypto'
import { isChunk } from '../../dag/block.ts'
import type { CID } from '../../dag/block.ts'
import type { StoredContent } from '../../dag/content.ts'
import { keyOrder } from '../../dag/key-order.ts'
import { PackedLinks } from '../../dag/links.ts'
import type { TreeEntry } from '../../dag/tree.ts'
import type { BlobSource } from '../../dag/tree-memory.ts'
import { readTree, TreeMemory } from '../../dag/tree-memory.ts'
import type { AbortOptions } from '../../stream.ts'
import { DigestSet } from './digest-set.ts'
import { KnownValues } from './known-values.ts'
import type { ValueLengths } from './known-values.ts'

/** More are not remembered: what is beyond counts as new and is looked at again, so that memory stays bounded. */
const MOST = 1_048_576

/** The entries of a content that was verified before: what stands there with the same sizes need not be looked at again. */
export class KnownEntries {
  readonly #entries = new DigestSet()
  readonly #values: KnownValues | undefined

  private constructor (values?: KnownValues) {
    this.#values = values
  }

  /** Of nothing: everything is new. */
  static readonly none = new KnownEntries()

  /** @throws {BackupError} what reading its trees throws */
  static async of (content: StoredContent, blobs: BlobSource, { signal, most = MOST }: AbortOptions & { readonly most?: number } = {}): Promise<KnownEntries> {
    const { root } = content
    const trees = new TreeMemory(blobs)
    const isSorted = content.form !== 'bytes' && content.key.length > 0
    const known = new KnownEntries(isSorted ? new KnownValues(root, trees, keyOrder(content.key)) : undefined)
    const ahead: CID[] = isChunk(root) ? [] : [root]
    for (let cid = ahead.pop(); cid !== undefined; cid = ahead.pop()) {
      signal?.throwIfAborted()
      const { entries, level } = await readTree(trees, cid, { signal })
      for (const entry of entries) {
        if (known.#entries.size >= most) return known
        if (level > 0 && !known.has(entry, level)) ahead.push(entry.link) // a subtree that stands there twice is read once
        known.#entries.add(digestOf(entry, level))
        for (const ref of treesIn(entry)) known.#entries.add(digestOfValue(ref))
      }
    }
    return known
  }

  has (entry: TreeEntry, level: number): boolean {
    return this.#entries.has(digestOf(entry, level))
  }

  /** The values out of line near the row with that key. Keys must not descend. */
  async valuesNear (key: Uint8Array | undefined): Promise<ValueLengths | undefined> {
    return key === undefined ? undefined : await this.#values?.near(key)
  }

  /** True for the root of a value out of line that has a tree. */
  hasValue (root: CID): boolean {
    return this.#entries.has(digestOfValue(root))
  }
}

/** Values out of line that have a tree. */
function treesIn ({ refs = [] }: TreeEntry): CID[] {
  const links = PackedLinks.of(refs)
  const trees: CID[] = []
  for (let i = 0; i < links.length; i++) if (!links.isChunkAt(i)) trees.push(links.at(i))
  return trees
}

function digestOf ({ link, size, count, key, refs = [] }: TreeEntry, level: number): Uint8Array {
  const digest = createHash('sha256').update(`${level} ${size} ${count ?? '-'} ${key?.length ?? '-'} ${refs.length} `).update(link.bytes)
  if (key !== undefined) digest.update(key)
  return digest.update(PackedLinks.of(refs).bytes).digest()
}

function digestOfValue (root: CID): Uint8Array {
  return createHash('sha256').update('value ').update(root.bytes).digest()
}
