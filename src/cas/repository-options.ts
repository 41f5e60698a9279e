import type { AbortOptions } from '../stream.ts'
import type { ChunkerSizes } from './repository-config.ts'
import type { Sealing } from './sealing.ts'

/** What this host has for the repository's log. */
export interface LogAccess {
  /** Folder outside of the repository in which this host remembers the newest checkpoint that it has seen; without it a rollback does not show. */
  readonly stateFolder?: string | undefined
  /** Who knows the seed of the log's key, where the repository is sealed. */
  readonly keys?: { readonly logSeed: Uint8Array } | undefined
}

export interface OpenRepositoryOptions extends AbortOptions {
  /** @default nothing is remembered, and a sealed repository's log is not signed */
  readonly log?: LogAccess | undefined
  /** The keys of a sealed repository: needed for one, and refused for one that is not. */
  readonly sealing?: Sealing | undefined
  /**
   * `write-only`, for a sealing that can open nothing but what it seals: reads nothing of what others have stored, makes
   * snapshots without parents to compare with, and leaves out only chunks that it knows to have stored. What it knows stands in
   * `cacheFolder`, which must then be for this kind of access alone.
   * @default 'full'
   */
  readonly access?: 'full' | 'write-only'
  /**
   * Folder for this host's cache of the index, or false to keep the index in memory. It has addresses and sizes: that of a
   * sealed repository stands outside of it.
   * @default `metadata/level` of a directory backend that is not sealed, else false
   */
  readonly cacheFolder?: string | false
  /** Bytes of blobs kept for reading them again. @default 8 MiB */
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
