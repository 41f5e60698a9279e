import type { Address } from '../cas/blob-store.ts'
import { addressOf } from './block.ts'
import { Previous } from './previous-content.ts'

/** So many labels are known at once: all of a tar of 4 GiB. */
const WINDOW = 65_536

/** The chunk of the same label in an earlier version of a tar, wherever it stood (within a window that moves along). */
export class PreviousLabels extends Previous {
  readonly #known = new Map<string, { readonly address: Address, readonly position: number }>()
  #position = 0

  async baseFor (label: string): Promise<Address | undefined> {
    return await this.search(async cursor => {
      const middle = (this.#known.get(label)?.position ?? 0) + WINDOW / 2
      while (this.#position < Math.max(middle, WINDOW)) {
        const leaf = await cursor.leaf()
        if (leaf === undefined) break
        cursor.skip()
        this.#remember(Buffer.from(leaf.key ?? '').toString('utf8'), addressOf(leaf.link))
      }
      return this.#known.get(label)?.address
    })
  }

  #remember (label: string, address: Address): void {
    if (this.#known.size >= WINDOW) this.#known.delete(this.#known.keys().next().value!)
    this.#known.set(label, { address, position: this.#position++ })
  }
}
