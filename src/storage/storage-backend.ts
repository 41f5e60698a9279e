import type { AbortOptions, Bytes } from '../stream.ts'

export interface ObjectEntry {
  /** Key relative to the repository's root, with `/` between its parts. */
  readonly key: string
  readonly sizeBytes: number
}

export interface PutOptions extends AbortOptions {
  /**
   * `replace` (the default) or `keep`: with `keep` exactly one of any number of concurrent writers wins,
   * also between processes; the others get `false` and change nothing.
   * @default 'replace'
   */
  readonly whenPresent?: 'replace' | 'keep'
}

export interface RangeOptions extends AbortOptions {
  /** First byte, from 0. */
  readonly offset?: number
  /** How many bytes at most; fewer come when the object ends before. */
  readonly length?: number
}

/**
 * Object storage under a repository. Keys are `/`-separated parts of [A-Za-z0-9._-], none of them `.` or `..`.
 * An object is visible whole or not at all, and durable once `put` has returned.
 * Every method rejects with `STORAGE_IO`, `STORAGE_FULL` or `STORAGE_DENIED` when the storage fails; absence is a value.
 */
export interface StorageBackend {
  /** For messages: a path or URL without secrets. */
  readonly location: string
  /** Stores an object. Returns false only with `whenPresent: 'keep'` and an object already there. */
  put(key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean>
  /** The object's bytes or the asked range of them; undefined when there is no such object. Whole packs are never read this way. */
  get(key: string, options?: RangeOptions): Promise<Uint8Array | undefined>
  /** The object as a stream; undefined when there is no such object. */
  stream(key: string, options?: RangeOptions): Promise<Bytes | undefined>
  /** Size in bytes, or undefined when there is no such object. */
  size(key: string, options?: AbortOptions): Promise<number | undefined>
  /** Every object whose key starts with `prefix` (a folder with its `/`, or the empty string), in ascending key order. */
  list(prefix: string, options?: AbortOptions): AsyncIterable<ObjectEntry>
  /** Removes an object; false when there was none. */
  delete(key: string, options?: AbortOptions): Promise<boolean>
  /** Frees what is held. Safe to call twice. */
  close(): Promise<void>
}
