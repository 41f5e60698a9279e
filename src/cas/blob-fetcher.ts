import { BackupError, isBackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Address } from './blob-store.ts'
import type { Codec } from './codec.ts'
import type { StoredBytes } from './codec-task.ts'
import type { Copy } from './copy.ts'
import { BLOB_LIMIT_BYTES } from './pack-format.ts'
import { PackWindows } from './pack-windows.ts'
import type { LentBytes, StoredBlobs } from './pack-windows.ts'
import type { ReadCache } from './read-cache.ts'
import { ScatteredWindows } from './scattered-windows.ts'
import { free } from './zstd.ts'

/** Up to here a blob is kept for reading it again, whoever reads it: blocks of trees are read often, most chunks once. */
const SMALL_BYTES = 32 * 1024

/** Bases up to here are decoded together with what is stored as their delta: chunks of rows, and most of others. */
const CHAINED_BYTES = 1024 * 1024

/** Where a blob's copies are, the shallowest first. */
export type FindCopies = (address: Address) => readonly Copy[]

export interface FetchOptions extends AbortOptions {
  /** Only copies of a smaller depth. @default Infinity */
  readonly below?: number | undefined
  /** Also a large blob is kept for reading it again. @default false */
  readonly keep?: boolean | undefined
}

export interface FetcherParts {
  readonly backend: StorageBackend
  readonly codec: Codec
  readonly cache: ReadCache
  /** The blobs of a pack stand in no order. @default false */
  readonly shuffled?: boolean
  /** Others' packs cannot be opened, and that is no damage to them: `KEY_NEEDED`. @default false */
  readonly keyless?: boolean
  /** Stored bytes of copies whose pack is not written yet. */
  readonly unwritten?: (copy: Copy) => Uint8Array | undefined
}

/** Reads blobs out of packs: range read, decode, hash. */
export class BlobFetcher {
  readonly #parts: FetcherParts
  readonly #windows: StoredBlobs

  constructor (parts: FetcherParts) {
    this.#parts = parts
    this.#windows = parts.shuffled === true ? new ScatteredWindows(parts.backend) : new PackWindows(parts.backend)
  }

  /**
   * The blob, from the first copy that is intact; undefined if `find` knows none.
   * @throws {BackupError} `BLOB_CORRUPT` when all copies are damaged, with the first one's place; `KEY_NEEDED`; `STORAGE_…`
   */
  async fetch (address: Address, find: FindCopies, options: FetchOptions = {}): Promise<Uint8Array | undefined> {
    const copies = copiesBelow(address, find, options)
    return copies.length === 0 ? undefined : this.#parts.cache.get(address) ?? await this.#fetchFrom(copies, address, find, options)
  }

  /** As {@link fetch}, for a dictionary: it is kept for the next time, and the bytes are only to be looked at. */
  async fetchBase (address: Address, find: FindCopies, options: FetchOptions = {}): Promise<Uint8Array | undefined> {
    const copies = copiesBelow(address, find, options)
    if (copies.length === 0) return undefined
    const known = this.#parts.cache.look(address)
    if (known !== undefined) return known
    const bytes = await this.#fetchFrom(copies, address, find, options)
    this.#parts.cache.adopt(address, bytes)
    return bytes
  }

  async #fetchFrom (copies: readonly Copy[], address: Address, find: FindCopies, { keep = false, signal }: FetchOptions): Promise<Uint8Array> {
    let damage: unknown
    for (const copy of copies) {
      try {
        const bytes = await this.read(address, copy, find, { signal })
        if (keep || bytes.length <= SMALL_BYTES) this.#parts.cache.set(address, bytes)
        return bytes
      } catch (error) {
        if (!isUnreadable(error)) throw error
        this.#windows.forget(copy.pack)
        damage ??= error
      }
    }
    throw damage
  }

  /** The blob, from this copy alone. @throws {BackupError} `BLOB_CORRUPT`, `KEY_NEEDED`, `STORAGE_…` */
  async read (address: Address, copy: Copy, find: FindCopies, options: AbortOptions = {}): Promise<Uint8Array> {
    const { bytes, giveBack } = await this.lend(address, copy, options)
    try {
      return await this.decode(address, copy, bytes, find, options)
    } finally {
      giveBack()
    }
  }

  /** The copy's bytes as they stand in the pack, not yet checked. @throws {BackupError} `BLOB_CORRUPT` when they are not all there */
  async readStored (address: Address, copy: Copy, options: AbortOptions = {}): Promise<Uint8Array> {
    const { bytes, giveBack } = await this.lend(address, copy, options)
    const own = Buffer.from(bytes)
    giveBack()
    return own
  }

  /** As {@link readStored}, in memory that is to be given back. */
  async lend (address: Address, copy: Copy, options: AbortOptions = {}): Promise<LentBytes> {
    const unwritten = this.#parts.unwritten?.(copy)
    const lent = unwritten === undefined ? await this.#windows.lend(copy, options).catch(this.#asDamage(address, copy)) : { bytes: unwritten, giveBack: () => undefined }
    if (lent === undefined) throw blobCorrupt(address, copy, 'the pack is missing')
    const { length } = lent.bytes
    if (length === copy.stored) return lent
    lent.giveBack()
    throw blobCorrupt(address, copy, `the pack ends after ${length} of its ${copy.stored} bytes`)
  }

  #asDamage (address: Address, copy: Copy): (error: unknown) => never {
    return error => {
      const isDamage = isBackupError(error, 'SEAL_BROKEN') || (this.#parts.keyless !== true && isBackupError(error, 'KEY_NEEDED'))
      throw isDamage && error instanceof BackupError ? blobCorrupt(address, copy, error.message, error) : error
    }
  }

  /** The plain bytes that `stored`, a copy's content, stands for. @throws {BackupError} `BLOB_CORRUPT`, `STORAGE_…` */
  async decode (address: Address, copy: Copy, stored: Uint8Array, find: FindCopies, options: AbortOptions = {}): Promise<Uint8Array> {
    const { codec } = this.#parts
    const chained = await this.#withChain(copy, find, options, async base => await codec.decode(stored, copy, base))
    if (chained?.address === address) return chained.bytes
    if (chained !== undefined) free(chained.bytes)
    const base = await this.#baseOf(address, copy, find, options)
    const decoded = await codec.decode(stored, copy, base).catch(rethrowAs(address, copy))
    if (decoded.address !== address) throw notItself(address, copy)
    return decoded.bytes
  }

  /** As {@link decode}, for who does not want the bytes. */
  async check (address: Address, copy: Copy, stored: Uint8Array, find: FindCopies, options: AbortOptions = {}): Promise<void> {
    const { codec } = this.#parts
    if (await this.#withChain(copy, find, options, async base => await codec.addressOf(stored, copy, base)) === address) return
    const base = await this.#baseOf(address, copy, find, options)
    const actual = await codec.addressOf(stored, copy, base).catch(rethrowAs(address, copy))
    if (actual !== address) throw notItself(address, copy)
  }

  /**
   * What `decode` makes of a copy's base as it is stored, with that one's base and so on, all in one go. Undefined for a copy without a base, with one that is
   * at hand, or when there is anything wrong: then going from base to base tells what, or finds other copies.
   */
  async #withChain<T> (copy: Copy, find: FindCopies, options: AbortOptions, decode: (base: StoredBytes) => Promise<T>): Promise<T | undefined> {
    if (copy.base === undefined || copy.plain > BLOB_LIMIT_BYTES || this.#parts.cache.look(copy.base) !== undefined) return undefined
    const lent: LentBytes[] = []
    try {
      const base = await this.#lendChain(copy, find, options, lent)
      return base === undefined ? undefined : await decode(base)
    } catch (error) {
      options.signal?.throwIfAborted()
      if (error instanceof BackupError && !isUnreadable(error)) throw error
      return undefined
    } finally {
      for (const { giveBack } of lent) giveBack()
    }
  }

  /** The stored bytes of the copy's base and of all its bases; undefined when one has no copy, or they are too long. */
  async #lendChain ({ base, depth }: Copy, find: FindCopies, options: AbortOptions, lent: LentBytes[]): Promise<StoredBytes | undefined> {
    const copy = base === undefined ? undefined : find(base).find(other => other.depth < depth)
    if (base === undefined || copy === undefined || copy.plain > CHAINED_BYTES || copy.stored > CHAINED_BYTES) return undefined
    const own = await this.lend(base, copy, options)
    lent.push(own)
    const { encoding, plain } = copy
    if (copy.base === undefined) return { stored: own.bytes, encoding, plain }
    const below = await this.#lendChain(copy, find, options, lent)
    return below && { stored: own.bytes, encoding, plain, base: below }
  }

  async #baseOf (address: Address, copy: Copy, find: FindCopies, options: AbortOptions): Promise<Uint8Array | undefined> {
    const { plain, base, depth } = copy
    if (plain > BLOB_LIMIT_BYTES) throw blobCorrupt(address, copy, `it claims ${plain} bytes`)
    if (base === undefined) return undefined
    const bytes = await this.fetchBase(base, find, { ...options, below: depth })
    if (bytes === undefined) throw blobCorrupt(address, copy, `its base ${base} is missing`)
    return bytes
  }
}

function copiesBelow (address: Address, find: FindCopies, { below = Infinity }: FetchOptions): readonly Copy[] {
  return find(address).filter(({ depth }) => depth < below)
}

function rethrowAs (address: Address, copy: Copy): (error: unknown) => never {
  return error => { throw error instanceof BackupError ? error : blobCorrupt(address, copy, 'it cannot be decompressed', error) }
}

function notItself (address: Address, copy: Copy): BackupError {
  return blobCorrupt(address, copy, 'its bytes do not hash to its address')
}

/** True for an error that is about one copy of a blob: another one may be readable. */
export function isUnreadable (error: unknown): error is BackupError {
  return isBackupError(error, 'BLOB_CORRUPT', 'KEY_NEEDED')
}

/** The error for a copy that is not what it should be. */
export function blobCorrupt (address: Address, { pack, offset }: Copy, why: string, cause?: unknown): BackupError {
  const message = `blob ${address} in pack ${pack} at offset ${offset} is damaged: ${why}`
  return new BackupError('BLOB_CORRUPT', message, { data: { address, pack, offset }, cause })
}
