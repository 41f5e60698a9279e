import type { AbortOptions, Bytes } from '../stream.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from './storage-backend.ts'

export type StorageOperation = 'put' | 'get' | 'stream' | 'size' | 'list' | 'delete'

/** Hands everything on to another backend. Wrappers extend it and override what they change. */
export class ForwardingBackend implements StorageBackend {
  readonly location: string
  protected readonly inner: StorageBackend

  constructor (inner: StorageBackend) {
    this.inner = inner
    this.location = inner.location
  }

  async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> {
    return await this.inner.put(key, body, options)
  }

  async get (key: string, options?: RangeOptions): Promise<Uint8Array | undefined> {
    return await this.inner.get(key, options)
  }

  async stream (key: string, options?: RangeOptions): Promise<Bytes | undefined> {
    return await this.inner.stream(key, options)
  }

  async size (key: string, options?: AbortOptions): Promise<number | undefined> {
    return await this.inner.size(key, options)
  }

  list (prefix: string, options?: AbortOptions): AsyncIterable<ObjectEntry> {
    return this.inner.list(prefix, options)
  }

  async delete (key: string, options?: AbortOptions): Promise<boolean> {
    return await this.inner.delete(key, options)
  }

  async close (): Promise<void> {
    await this.inner.close()
  }
}
