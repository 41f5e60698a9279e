import type { AbortOptions } from '../stream.ts'
import type { ChunkerSizes } from './repository-config.ts'
import type { Sealing } from './sealing.ts'

export interface OpenRepositoryOptions extends AbortOptions {
  /** The keys of a sealed repository: needed for one, and refused for one that is not. */
  readonly sealing?: Sealing | undefined
  /**
   * Folder for this host's cache of the index, or false to keep the index in memory. It has addresses and sizes: that of a
   * sealed repository stands outside of it.
   * @default `metadata/level` of a directory backend that is not sealed, else false
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
  /** Makes a sealed repository; the current key is the one that it begins with. */
  readonly sealing?: Sealing | undefined
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
