import type { AbortOptions } from '../stream.ts'
import type { Effort } from './zstd.ts'

/** SHA-256 of a blob's plain bytes: 64 lowercase hex digits. */
export type Address = string

export interface PutBlobOptions extends AbortOptions {
  /** A blob that is probably similar (the parent's chunk at the same place): tried as dictionary. Ignored when absent or unfit. */
  readonly base?: Address | KnownBlob | undefined
  /**
   * What it is, for writers without a key: these build on chunks that they have stored before, but store each block anew, since
   * they must read it again.
   * @default 'block'
   */
  readonly kind?: 'block' | 'chunk'
  /** How hard to compress it, if no base helps. @default 'less' */
  readonly effort?: Effort | undefined
}

/** A blob with the bytes that `get` gave for it. */
export interface KnownBlob {
  readonly address: Address
  readonly bytes: Uint8Array
  /** What a new blob took over of it, in order: a delta is made of that without a search, if it holds. */
  readonly copies?: readonly CopiedSpan[] | undefined
}

/** Bytes of a blob that stand in its base too. */
export interface CopiedSpan {
  /** Offset in the blob. */
  readonly at: number
  /** Offset in the base. */
  readonly from: number
  readonly length: number
}

export interface PutBlobResult {
  readonly address: Address
  /** `present`: a usable copy was there already, nothing is written. */
  readonly stored: 'new' | 'present'
  /** Bytes that the blob takes in its pack; 0 when it was present. */
  readonly storedBytes: number
}

/** Reads blobs; every returned array has been hashed and equals its address. It is the caller's own, who may change it and give its memory back. */
export interface BlobReader {
  /** @throws {BackupError} `BLOB_CORRUPT`, `PACK_CORRUPT` when no copy is intact; `STORAGE_…` */
  get(address: Address, options?: AbortOptions): Promise<Uint8Array | undefined>
  has(address: Address): Promise<boolean>
  /**
   * The length of each blob that was read and is intact, for who does not want the bytes; undefined for those of which only `get` can tell more, be they lost or not.
   * @throws {BackupError} `STORAGE_…`
   */
  lengths?(addresses: readonly Address[], options?: AbortOptions): Promise<readonly (number | undefined)[]>
}

/** Writes blobs within one session. `put` may be called concurrently; it resolves when the blob is accepted, not yet durable. */
export interface BlobWriter extends BlobReader {
  /** `bytes` must stay as they are until it resolves; from then on the caller may use their memory again. */
  put(bytes: Uint8Array, options?: PutBlobOptions): Promise<PutBlobResult>
  /** True if there is a copy that the session may build on: the blob then counts as put, though nothing of it was read. */
  reuse(address: Address): boolean
  /** Resolves when every accepted blob is durable and indexed. */
  flush(options?: AbortOptions): Promise<void>
}
