const MINUTE = 60_000
/** Addresses remembered at most; beyond them all are forgotten, which only makes the limit kinder. */
const MOST_ADDRESSES = 10_000

interface Bucket {
  left: number
  at: number
}

/** So many requests in a minute from one address, and no more at once. */
export class RateLimit {
  readonly #perMinute: number
  readonly #clock: () => number
  readonly #buckets = new Map<string, Bucket>()

  /** `clock`: milliseconds. */
  constructor ({ perMinute, clock }: { readonly perMinute: number, readonly clock: () => number }) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** True, and counted, if that address may make another request now. */
  allows (address: string): boolean {
    const now = this.#clock()
    if (this.#buckets.size >= MOST_ADDRESSES) this.#buckets.clear()
    const bucket = this.#buckets.get(address) ?? { left: this.#perMinute, at: now }
    const left = Math.min(this.#perMinute, bucket.left + Math.max(0, now - bucket.at) * this.#perMinute / MINUTE)
    const allowed = left >= 1
    this.#buckets.set(address, { left: allowed ? left - 1 : left, at: now })
    return allowed
  }
}
