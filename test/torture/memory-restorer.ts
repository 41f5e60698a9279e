import type { RestoreItem, Restorer } from '../../src/sources/source.ts'
import { bytesOf, collect } from '../../src/stream.ts'
import { fingerprint } from './fingerprint.ts'

const LIMIT_BYTES = 64 * 1024 * 1024

/** A target that keeps what was brought back, once it is committed. */
export class MemoryRestorer implements Restorer {
  readonly name: string
  /** Fingerprints of what is visible. */
  readonly contents = new Map<string, string>()
  readonly #staged = new Map<string, string>()

  constructor (name: string) {
    this.name = name
  }

  async check (): Promise<readonly []> {
    return []
  }

  async holds (): Promise<boolean> {
    return false
  }

  async prepare (items: readonly RestoreItem[]): Promise<void> {
    for (const item of items) {
      const bytes = await collect(item.read(), { limit: LIMIT_BYTES })
      this.#staged.set(item.id, await fingerprint({ form: 'bytes', read: () => bytesOf(bytes) }))
    }
  }

  async commit (): Promise<void> {
    for (const [id, hash] of this.#staged) this.contents.set(id, hash)
    this.#staged.clear()
  }

  async abort (): Promise<void> {
    this.#staged.clear()
  }

  async close (): Promise<void> {}
}
