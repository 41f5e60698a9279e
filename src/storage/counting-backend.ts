import type { AbortOptions, Bytes } from '../stream.ts'
import { ForwardingBackend } from './forwarding-backend.ts'
import type { StorageOperation } from './forwarding-backend.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from './storage-backend.ts'

/** Counts calls and bytes that pass. */
export class CountingBackend extends ForwardingBackend {
  readonly calls: Record<StorageOperation, number> = { put: 0, get: 0, stream: 0, size: 0, list: 0, delete: 0 }
  bytesRead = 0
  bytesWritten = 0

  override async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> {
    this.calls.put++
    if (!(body instanceof Uint8Array)) return await super.put(key, this.#counted(body, 'bytesWritten'), options)
    this.bytesWritten += body.length
    return await super.put(key, body, options)
  }

  override async get (key: string, options?: RangeOptions): Promise<Uint8Array | undefined> {
    this.calls.get++
    const bytes = await super.get(key, options)
    this.bytesRead += bytes?.length ?? 0
    return bytes
  }

  override async stream (key: string, options?: RangeOptions): Promise<Bytes | undefined> {
    this.calls.stream++
    const bytes = await super.stream(key, options)
    return bytes === undefined ? undefined : this.#counted(bytes, 'bytesRead')
  }

  override async size (key: string, options?: AbortOptions): Promise<number | undefined> {
    this.calls.size++
    return await super.size(key, options)
  }

  override list (prefix: string, options?: AbortOptions): AsyncIterable<ObjectEntry> {
    this.calls.list++
    return super.list(prefix, options)
  }

  override async delete (key: string, options?: AbortOptions): Promise<boolean> {
    this.calls.delete++
    return await super.delete(key, options)
  }

  async * #counted (bytes: Bytes, sum: 'bytesRead' | 'bytesWritten'): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      this[sum] += piece.length
      yield piece
    }
  }
}

/** `inner` with counters of its calls and bytes. */
export function countingBackend (inner: StorageBackend): CountingBackend {
  return new CountingBackend(inner)
}
