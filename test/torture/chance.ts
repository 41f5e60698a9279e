import { dice } from '../cas/interleaving.ts'
import type { Dice } from '../cas/interleaving.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'

/** Choices that are the same for the same seed. */
export class Chance {
  readonly seed: number
  readonly #dice: Dice
  #drawn = 0

  constructor (seed: number) {
    this.seed = seed
    this.#dice = dice(seed)
    for (let i = 0; i < 8; i++) this.#dice(2) // the first numbers of neighbouring seeds resemble each other
  }

  /** A whole number from 0 to `limit` − 1. */
  below (limit: number): number {
    return this.#dice(limit)
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
    return seededBytes(length, `${this.seed}/${this.#drawn++}`)
  }

  /** Text of hex digits, half as compressible as it is long. */
  text (length: number): string {
    return this.bytes(Math.ceil(length / 2)).toString('hex').slice(0, length)
  }
}
