import type { AbortOptions, Bytes } from '../stream.ts'
import { byteRange } from './byte-range.ts'
import { checkKey, checkPrefix } from './object-key.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from './storage-backend.ts'

const PIECE_BYTES = 256 * 1024

/** Objects in this process's memory: for tests and throw-away repositories. */
class MemoryBackend implements StorageBackend {
  readonly location = 'memory:'
  readonly #objects = new Map<string, Uint8Array>()

  async put (key: string, body: Uint8Array | Bytes, { whenPresent = 'replace', signal }: PutOptions = {}): Promise<boolean> {
    checkKey(key)
    signal?.throwIfAborted()
    const bytes = await copyOf(body, signal)
    if (whenPresent === 'keep' && this.#objects.has(key)) return false
    this.#objects.set(key, bytes)
    return true
  }

  async get (key: string, options: RangeOptions = {}): Promise<Uint8Array | undefined> {
    checkKey(key)
    options.signal?.throwIfAborted()
    const { offset, length } = byteRange(options)
    const bytes = this.#objects.get(key)
    return bytes === undefined ? undefined : Buffer.from(bytes.subarray(offset, offset + length))
  }

  async stream (key: string, options: RangeOptions = {}): Promise<Bytes | undefined> {
    const bytes = await this.get(key, options)
    return bytes === undefined ? undefined : pieces(bytes, options.signal)
  }

  async size (key: string, { signal }: AbortOptions = {}): Promise<number | undefined> {
    checkKey(key)
    signal?.throwIfAborted()
    return this.#objects.get(key)?.length
  }

  async * list (prefix: string, { signal }: AbortOptions = {}): AsyncGenerator<ObjectEntry> {
    checkPrefix(prefix)
    const keys = [...this.#objects.keys()].filter(key => key.startsWith(prefix)).sort()
    for (const key of keys) {
      signal?.throwIfAborted()
      const bytes = this.#objects.get(key)
      if (bytes !== undefined) yield { key, sizeBytes: bytes.length }
    }
  }

  async delete (key: string, { signal }: AbortOptions = {}): Promise<boolean> {
    checkKey(key)
    signal?.throwIfAborted()
    return this.#objects.delete(key)
  }

  async close (): Promise<void> {}
}

/** Objects in memory, gone with the backend. */
export function memoryBackend (): StorageBackend {
  return new MemoryBackend()
}

async function copyOf (body: Uint8Array | Bytes, signal?: AbortSignal): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return Buffer.from(body)
  const pieces: Uint8Array[] = []
  for await (const piece of body) {
    signal?.throwIfAborted()
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces)
}

async function * pieces (bytes: Uint8Array, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
    signal?.throwIfAborted()
    yield bytes.subarray(offset, offset + PIECE_BYTES)
  }
}
