import { createHash } from 'node:crypto'
import type { FoundEntry } from './folder-walk.ts'

/** What a walk found, in 32 bytes: two walks with equal digests saw no change between them. */
export class WalkDigest {
  readonly #hash = createHash('sha256')
  #count = 0

  get count (): number {
    return this.#count
  }

  add ({ path, stats }: FoundEntry): void {
    this.#count++
    this.#hash.update(`${path}\0${stats.dev} ${stats.ino} ${stats.mode} ${stats.uid} ${stats.gid} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}\n`)
  }

  /** Call once, at the end. */
  digest (): string {
    return this.#hash.digest('hex')
  }
}
