import { BackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { ForwardingBackend } from './forwarding-backend.ts'
import type { StorageOperation } from './forwarding-backend.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from './storage-backend.ts'

export interface FaultOptions {
  /** How many matching calls go well first. @default 0 */
  readonly after?: number
  /** How many matching calls then fail. @default Infinity */
  readonly times?: number
  /** Only keys (or list prefixes) that begin with this. @default '' */
  readonly key?: string
  /** @default 'STORAGE_IO' */
  readonly error?: 'STORAGE_IO' | 'STORAGE_FULL' | 'STORAGE_DENIED'
  /**
   * `put`: bytes of the body taken before it fails; nothing becomes visible.
   * `get` and `stream`: bytes handed out; without `error` the read then just ends short.
   */
  readonly partial?: number
  /** The change is made, and the caller is told that it was not: what a lost answer looks like. @default false */
  readonly applied?: boolean
}

interface Fault extends FaultOptions {
  seen: number
}

/** Fails where a test says so. Faults are looked at in the order of their making; the first that fits counts. */
export class FaultyBackend extends ForwardingBackend {
  readonly #faults: Array<Fault & { readonly operation: StorageOperation }> = []
  #changesLeft = Infinity

  /** Makes calls of `operation` fail. */
  fail (operation: StorageOperation, options: FaultOptions = {}): this {
    this.#faults.push({ error: 'STORAGE_IO', ...options, operation, seen: 0 })
    return this
  }

  /** Makes reads end after `bytes` bytes without an error, as broken storage does. */
  shorten (operation: 'get' | 'stream', { bytes, ...options }: Omit<FaultOptions, 'error' | 'partial'> & { readonly bytes: number }): this {
    this.#faults.push({ ...options, operation, partial: bytes, seen: 0 })
    return this
  }

  /** Lets `after` more changes (`put`, `delete`) happen; from then on every call fails, as if the process had died there. */
  crash ({ after = 0 }: { readonly after?: number } = {}): this {
    this.#changesLeft = after
    return this
  }

  /** Takes all faults away, and a crash. */
  heal (): this {
    this.#faults.length = 0
    this.#changesLeft = Infinity
    return this
  }

  override async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> {
    this.#change(key)
    const fault = this.#next('put', key)
    if (fault === undefined) return await super.put(key, body, options)
    if (fault.applied === true) await super.put(key, body, options)
    else if (!(body instanceof Uint8Array)) await drain(take(body, fault.partial ?? 0))
    throw failure(fault, 'put', key)
  }

  override async get (key: string, options?: RangeOptions): Promise<Uint8Array | undefined> {
    this.#alive(key)
    const fault = this.#next('get', key)
    if (fault?.error !== undefined) throw failure(fault, 'get', key)
    const bytes = await super.get(key, options)
    return fault === undefined ? bytes : bytes?.subarray(0, fault.partial)
  }

  override async stream (key: string, options?: RangeOptions): Promise<Bytes | undefined> {
    this.#alive(key)
    const fault = this.#next('stream', key)
    const bytes = await super.stream(key, options)
    if (fault === undefined || bytes === undefined) return bytes
    return cutShort(bytes, fault, key)
  }

  override async size (key: string, options?: AbortOptions): Promise<number | undefined> {
    this.#alive(key)
    const fault = this.#next('size', key)
    if (fault !== undefined) throw failure(fault, 'size', key)
    return await super.size(key, options)
  }

  override async * list (prefix: string, options?: AbortOptions): AsyncGenerator<ObjectEntry> {
    this.#alive(prefix)
    const fault = this.#next('list', prefix)
    if (fault !== undefined) throw failure(fault, 'list', prefix)
    yield * super.list(prefix, options)
  }

  override async delete (key: string, options?: AbortOptions): Promise<boolean> {
    this.#change(key)
    const fault = this.#next('delete', key)
    if (fault === undefined) return await super.delete(key, options)
    if (fault.applied === true) await super.delete(key, options)
    throw failure(fault, 'delete', key)
  }

  #next (operation: StorageOperation, key: string): Fault | undefined {
    for (const fault of this.#faults) {
      if (fault.operation !== operation || !key.startsWith(fault.key ?? '')) continue
      const { after = 0, times = Infinity } = fault
      const turn = fault.seen++
      if (turn >= after && turn < after + times) return fault
    }
    return undefined
  }

  #alive (key: string): void {
    if (this.#changesLeft <= 0) throw new BackupError('STORAGE_IO', `crashed before ${key}`, { data: { key } })
  }

  #change (key: string): void {
    this.#alive(key)
    this.#changesLeft--
  }
}

/** `inner` with failures to order, for tests. */
export function faultyBackend (inner: StorageBackend): FaultyBackend {
  return new FaultyBackend(inner)
}

function failure ({ error = 'STORAGE_IO' }: FaultOptions, operation: StorageOperation, key: string): BackupError {
  return new BackupError(error, `${operation} of ${key} fails to order`, { data: { key } })
}

async function * cutShort (bytes: Bytes, fault: Fault, key: string): AsyncGenerator<Uint8Array> {
  yield * take(bytes, fault.partial ?? 0)
  if (fault.error !== undefined) throw failure(fault, 'stream', key)
}

async function * take (bytes: Bytes, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  for await (const piece of bytes) {
    if (left <= 0) return
    yield piece.subarray(0, left)
    left -= piece.length
  }
}

async function drain (bytes: Bytes): Promise<void> {
  for await (const piece of bytes) void piece
}
