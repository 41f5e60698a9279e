import { addressOf } from '../cas/address.ts'
import type { Address, BlobWriter } from '../cas/blob-store.ts'
import type { Repository, WriterSession } from '../cas/repository.ts'
import type { AbortOptions } from '../stream.ts'

/** A blob that is whole again. */
export interface Healed {
  readonly address: Address
  /** Where its bytes were found: a repository's location, `source <name>`, or `recipe <name>`. */
  readonly from: string
}

export interface HealerOptions extends AbortOptions {
  /** Notes what it would store, and stores nothing. */
  readonly dryRun: boolean
}

/**
 * Stores blobs again of which no copy is intact, each whole and on its own, in a writer's session that makes nothing visible: what the
 * snapshots need of it garbage collection keeps. Close it when done.
 */
export class Healer {
  readonly healed: Healed[] = []
  readonly #addresses = new Set<Address>()
  readonly #repository: Repository
  readonly #options: HealerOptions
  #writer: Promise<WriterSession> | undefined

  constructor (repository: Repository, options: HealerOptions) {
    this.#repository = repository
    this.#options = options
  }

  /** Stores `bytes`; false if they are not the blob, or it was stored before and is lost all the same. */
  async put (address: Address, bytes: Uint8Array, from: string): Promise<boolean> {
    if (addressOf(bytes) !== address || this.#addresses.has(address)) return false
    const { dryRun, signal } = this.#options
    if (!dryRun) {
      this.#writer ??= this.#repository.openWriter({ whenPresent: 'rewrite', signal }) // one for all who put at the same time
      await (await this.#writer).put(bytes, { signal })
    }
    this.note(address, from)
    return true
  }

  /** Notes a blob that somebody else has stored. */
  note (address: Address, from: string): void {
    if (this.#addresses.has(address)) return
    this.#addresses.add(address)
    this.healed.push({ address, from })
  }

  /** A writer that keeps, of all it is given, what is in `wanted`, once each. */
  sifting (wanted: Set<Address>, from: string): Pick<BlobWriter, 'put' | 'get'> {
    return {
      put: async bytes => {
        const address = addressOf(bytes)
        if (wanted.delete(address)) await this.put(address, bytes, from)
        return { address, stored: 'new', storedBytes: bytes.length }
      },
      get: async () => undefined,
    }
  }

  /** Makes durable what was put, so that it can be read from the repository. */
  async flush (): Promise<void> {
    await (await this.#writer)?.flush({ signal: this.#options.signal })
  }

  /** Ends the session; what was not flushed is lost. Safe to call twice. */
  async close (): Promise<void> {
    const writer = await this.#writer?.catch(() => undefined) // who put has been told
    await writer?.discard()
  }
}
