import { isBackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { BlobIndex, LivePack } from './blob-index.ts'
import type { Address } from './blob-store.ts'
import type { Copy } from './copy.ts'
import { PACK_PREFIX, packNameOf } from './layout.ts'

/**
 * Which copies a writer may build on: those in packs that were there, whole and outside of every plan when its session
 * opened, and of which the bases are such copies too. (A revoked writer may have listed a delta whose base is long gone.)
 */
export class ReusableCopies {
  readonly #index: BlobIndex
  readonly #packs: Set<string>

  constructor (index: BlobIndex, packs: Iterable<string>) {
    this.#index = index
    this.#packs = new Set(packs)
  }

  /** The packs that they are in. */
  get packs (): ReadonlySet<string> {
    return this.#packs
  }

  /** Adds packs that the writer has made itself. */
  addPacks (names: Iterable<string>): void {
    for (const name of names) this.#packs.add(name)
  }

  /** The shallowest such copy, of a depth less than `below`. */
  find (address: Address, below = Infinity): Copy | undefined {
    return this.#index.find(address).find(copy => copy.depth < below && this.#packs.has(copy.pack) && this.#hasBase(copy))
  }

  #hasBase ({ base, depth }: Copy): boolean {
    return base === undefined || this.find(base, depth) !== undefined
  }
}

/** Packs that are listed, stored in their full length and in no open plan. */
export async function intactPacks (backend: StorageBackend, index: BlobIndex, planned: ReadonlySet<string>, options: AbortOptions): Promise<string[]> {
  const intact: string[] = []
  for await (const { key, sizeBytes } of backend.list(PACK_PREFIX, options)) {
    const name = packNameOf(key)
    if (name === undefined || planned.has(name)) continue
    const pack = index.packs.get(name)
    if (pack !== undefined && (pack.storedBytes === sizeBytes || await isSealedAnew(backend, key, pack, options))) intact.push(name)
  }
  return intact
}

/** A repair may have sealed a pack anew, with other key files in its header, so that its object has another length than is listed. */
async function isSealedAnew (backend: StorageBackend, key: string, pack: LivePack, options: AbortOptions): Promise<boolean> {
  if (pack.storedBytes === pack.sizeBytes) return false
  try {
    return await backend.size(key, options) === pack.sizeBytes
  } catch (error) {
    if (isBackupError(error, 'SEAL_BROKEN', 'KEY_NEEDED')) return false
    throw error
  }
}
