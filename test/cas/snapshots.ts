import { addressOf } from '../../src/cas/address.ts'
import type { Address, PutBlobOptions } from '../../src/cas/blob-store.ts'
import type { Mark } from '../../src/cas/garbage-plan.ts'
import type { OpenWriterOptions, Repository } from '../../src/cas/repository.ts'
import type { WriterSession } from '../../src/cas/writer-session.ts'

/** Any CID: this layer does not look into it. */
export const ROOT = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
export const commitment = { root: ROOT, consensus: true, validatedBy: ['local'], statements: [] }

/** Sets of blobs as snapshots: what the layer above knows from walking the graph. */
export class Snapshots {
  readonly #blobs = new Map<string, readonly Address[]>()

  /** Commits a snapshot of these blobs. @returns its id */
  async make (repository: Repository, blobs: ReadonlyArray<Uint8Array | readonly [Uint8Array, PutBlobOptions]>, options?: OpenWriterOptions): Promise<string> {
    const writer = await repository.openWriter(options)
    const addresses = await putAll(writer, blobs)
    return await this.commit(writer, addresses)
  }

  async commit (writer: WriterSession, addresses: readonly Address[]): Promise<string> {
    this.#blobs.set(writer.id, addresses) // Before: a collector may mark the moment it is visible.
    await writer.commit(commitment)
    return writer.id
  }

  /** The blobs of a snapshot. */
  of (id: string): readonly Address[] {
    return this.#blobs.get(id) ?? []
  }

  /** Marks what the repository's roots are made of. */
  mark (repository: Repository): Mark {
    const of = (id: string): readonly Address[] => this.of(id)
    return async function * (roots) {
      for (const { id, forgotten } of roots) {
        yield * of(id).filter(address => !forgotten || repository.hasSync(address))
      }
    }
  }

  /** Reads every blob of every visible snapshot; throws at the first that is missing or damaged. */
  async check (repository: Repository): Promise<void> {
    for (const { id } of await repository.visible()) {
      for (const address of this.of(id)) {
        const bytes = await repository.get(address)
        if (bytes === undefined || addressOf(bytes) !== address) throw new Error(`snapshot ${id} lost blob ${address}`)
      }
    }
  }
}

export async function putAll (writer: WriterSession, blobs: ReadonlyArray<Uint8Array | readonly [Uint8Array, PutBlobOptions]>): Promise<Address[]> {
  const addresses: Address[] = []
  for (const blob of blobs) {
    const [bytes, options] = blob instanceof Uint8Array ? [blob, {}] : blob
    addresses.push((await writer.put(bytes, options)).address)
  }
  return addresses
}
