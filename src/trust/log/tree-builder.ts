import { EMPTY_ROOT, leafHash, nodeHash } from './merkle.ts'

/** A tree that leaves are added to one by one, of which only the roots of its complete subtrees are kept. */
export class TreeBuilder {
  /** One for each one bit of the size, the largest first. */
  readonly #subtrees: Uint8Array[] = []
  #size = 0

  get size (): number {
    return this.#size
  }

  add (leaf: Uint8Array): void {
    let hash = leafHash(leaf)
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) hash = nodeHash(this.#subtrees.pop()!, hash)
    this.#subtrees.push(hash)
    this.#size++
  }

  root (): Uint8Array {
    return this.#size === 0 ? EMPTY_ROOT : this.#subtrees.reduceRight((right, left) => nodeHash(left, right))
  }
}
