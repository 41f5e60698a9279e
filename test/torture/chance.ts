import { createHash } from 'node:crypto'
import { seededBytes } from '../cas/seeded-bytes.ts'

/** Choices that are the same for the same seed. */
export class Chance {
  readonly #seed: number | string
  #state: number
  #drawn = 0

  constructor (seed: number | string) {
    this.#seed = seed
    this.#state = createHash('sha256').update(String(seed)).digest().readUInt32LE() || 1 // xorshift knows no way out of 0
  }

  /** A whole number from 0 to `limit` − 1. */
  below (limit: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % limit
  }

  oneIn (count: number): boolean {
    return this.below(count) === 0
  }

  /** One of `choices`; undefined if there are none. */
  pick<T> (choices: readonly T[]): T | undefined {
    return choices.length === 0 ? undefined : choices[this.below(choices.length)]
  }

  /** One of `choices`, each as often as its weight says. */
  weighted<T extends { readonly weight: number }> (choices: readonly T[]): T {
    let left = this.below(choices.reduce((sum, { weight }) => sum + weight, 0))
    return choices.find(({ weight }) => (left -= weight) < 0)!
  }

  /** Bytes that have never been drawn before. */
  bytes (length: number): Buffer {
    return seededBytes(length, `${this.#seed}/${this.#drawn++}`)
  }

  /** Text of hex digits, half as compressible as it is long. */
  text (length: number): string {
    return this.bytes(Math.ceil(length / 2)).toString('hex').slice(0, length)
  }
}
