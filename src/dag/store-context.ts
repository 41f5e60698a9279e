import type { CutSizes } from '../chunking/byte-cutter.ts'
import type { BlobWriter } from '../cas/blob-store.ts'
import type { AbortOptions } from '../stream.ts'
import type { FileMemory } from './file-memory.ts'

/** What storing a content needs. */
export interface StoreContext extends AbortOptions {
  /** Gets chunks and blocks; also read to find similar chunks of an earlier version. */
  readonly blobs: Pick<BlobWriter, 'put' | 'get'> & Partial<Pick<BlobWriter, 'reuse'>>
  /** The repository's 16 bytes, for tables that come for the first time. */
  readonly seed: Uint8Array
  /** The repository's sizes of byte chunks. */
  readonly chunker: CutSizes
  /** Of the files of a folder tree: those that it knows are not read. @default all are read */
  readonly memory?: FileMemory | undefined
  /** Called with the number of bytes that came from the source. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /**
   * Chunks put at once, and files read at once.
   * @default 4
   */
  readonly concurrency?: number | undefined
}

export const DEFAULT_CONCURRENCY = 4
