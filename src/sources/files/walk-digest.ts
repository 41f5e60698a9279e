import { createHash } from 'node:crypto'
import type { FoundEntry } from './folder-walk.ts'

/** What a walk found, in 32 bytes: two walks with equal digests saw no change between them. */
export class WalkDigest {
  readonly #hash = createHash('sha256')
  /** Numbers as text would be most of what looking at a file allocates. */
  readonly #numbers = new BigUint64Array(8)
  #count = 0

  get count (): number {
    return this.#count
  }

  add ({ path, stats }: FoundEntry): void {
    this.#count++
    const { dev, ino, mode, uid, gid, size, mtimeNs, ctimeNs } = stats
    this.#numbers.set([dev, ino, mode, uid, gid, size, mtimeNs, ctimeNs])
    this.#hash.update(`${path}\0`).update(this.#numbers)
  }

  /** Call once, at the end. */
  digest (): string {
    return this.#hash.digest('hex')
  }
}
