import type { AbortOptions } from '../stream.ts'
import type { ChunkerSizes } from './repository-config.ts'

export interface OpenRepositoryOptions extends AbortOptions {
  /**
   * Folder for this host's cache of the index, or false to keep the index in memory.
   * @default `metadata/level` of a directory backend, else false
   */
  readonly cacheFolder?: string | false
  /** Bytes of blobs kept for reading them again. @default 32 MiB */
  readonly readCacheBytes?: number
  /** Milliseconds since 1970. @default Date.now */
  readonly clock?: () => number
  /** So many random bytes; they must never repeat. @default crypto.randomBytes */
  readonly random?: (length: number) => Uint8Array
}

export interface CreateRepositoryOptions extends OpenRepositoryOptions {
  /** @default 16 KiB, 64 KiB, 256 KiB */
  readonly chunker?: ChunkerSizes
  /** 16 bytes; only tests fix it. @default random */
  readonly seed?: Uint8Array
}

export interface OpenWriterOptions extends AbortOptions {
  /** Ids of the snapshots to build on. @default [] */
  readonly parents?: readonly string[]
  /**
   * `rewrite` stores a new copy also of blobs that are there: for bytes whose stored copy is damaged.
   * @default 'keep'
   */
  readonly whenPresent?: 'keep' | 'rewrite'
}

export interface OpenReaderOptions extends AbortOptions {
  /** Ids of the snapshots that must stay while it reads. @default [] */
  readonly snapshots?: readonly string[]
}
