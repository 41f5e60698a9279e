import { BackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { PackListing } from './pack-format.ts'
import { listSegments, trySegment } from './segments.ts'

/** Blobs that are remembered: about 13 MB. */
const KEPT_BLOBS = 32_768

/** The segments of a repository for who goes through them more than once: what they list never changes, and is kept as long as it is no more than {@link KEPT_BLOBS}. */
export class KnownSegments {
  readonly backend: StorageBackend
  readonly #kept = new Map<string, PackListing[]>()
  #room = KEPT_BLOBS

  constructor (backend: StorageBackend) {
    this.backend = backend
  }

  /** What a segment lists; undefined if it is gone; its error if it is damaged. @throws {BackupError} `FORMAT_UNKNOWN`, `STORAGE_…` */
  async read (name: string, options?: AbortOptions): Promise<readonly PackListing[] | BackupError | undefined> {
    const known = this.#kept.get(name)
    if (known !== undefined) return known
    const packs = await trySegment(this.backend, name, options)
    if (packs === undefined || packs instanceof BackupError) return packs
    const blobs = packs.reduce((sum, pack) => sum + pack.blobs.length, 0)
    if (blobs <= this.#room) {
      this.#room -= blobs
      this.#kept.set(name, packs)
    }
    return packs
  }

  /** Every pack that an intact segment lists and that is not among the `deleted`, once each. */
  async * livePacks (deleted: ReadonlySet<string>, options?: AbortOptions): AsyncGenerator<PackListing> {
    const seen = new Set(deleted)
    for (const name of await listSegments(this.backend, options)) {
      const packs = await this.read(name, options)
      if (packs === undefined || packs instanceof BackupError) continue
      for (const pack of packs) {
        if (seen.has(pack.name)) continue
        seen.add(pack.name)
        yield pack
      }
    }
  }
}
