import { free } from '../../cas/zstd.ts'
import { findReference, parseReference, valueEndAt } from '../../chunking/value-reference.ts'
import type { CID } from '../../dag/block.ts'
import { readBlob } from '../../dag/block.ts'
import { PreviousRows } from '../../dag/previous-rows.ts'

/** How long each value is, by the text of its root. */
export type ValueLengths = ReadonlyMap<string, number>

const NONE: ValueLengths = new Map()

/** The values out of line in rows that were verified before: what stands in the same place again, with the same length, need not be looked at again. */
export class KnownValues extends PreviousRows {
  #chunk: CID | undefined
  #lengths = NONE

  /** Those of the chunk in whose range `key` falls. Keys must not descend. */
  async near (key: Uint8Array): Promise<ValueLengths> {
    const leaf = await this.leafAt(key)
    if (leaf?.refs === undefined) return NONE
    if (this.#chunk?.equals(leaf.link) !== true) {
      this.#lengths = await this.search(async () => lengthsIn(await readBlob(this.blobs, leaf.link))) ?? NONE
      this.#chunk = leaf.link
    }
    return this.#lengths
  }
}

/** Gives the memory of `rows` back. */
function lengthsIn (rows: Uint8Array): ValueLengths {
  const lengths = new Map<string, number>()
  for (let at = findReference(rows), end; at >= 0; at = findReference(rows, end)) {
    end = valueEndAt(rows, at)
    const { text, length } = parseReference(rows.subarray(at, end))!
    lengths.set(text, length)
  }
  free(rows)
  return lengths
}
