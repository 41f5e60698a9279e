import { setImmediate as turn } from 'node:timers/promises'
import { BackupError } from '../../src/errors.ts'
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts'
import type { StorageOperation } from '../../src/storage/forwarding-backend.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from '../../src/storage/storage-backend.ts'
import type { AbortOptions, Bytes } from '../../src/stream.ts'

/*
 * What befalls one call. All but the last are what honest storage may do, and then nothing may be lost:
 *   error       it fails and has done nothing
 *   cut         it fails in the middle: half a body taken, half a stream or half a listing given
 *   unanswered  it is done and fails: the answer got lost
 *   repeated    it is done twice, and the second answer counts, as when a client below tries again
 *   short       a read gives half of the bytes as if they were all
 *   late        it takes long, so that others pass it
 *   lost        it is reported as done and is not: a put without its fsync when the power fails, a disk that lies
 *
 * The last one breaks what a backend promises ("durable once put has returned"), so that what was put can be gone. What is
 * promised then: nothing wrong is read as if it were right, verify names what is missing, and the next snapshot is whole.
 * That our own backend keeps its promise when the power fails is tried on a real disk, in test/fault/power-loss.test.ts.
 */
export const FAULT_KINDS = ['error', 'cut', 'unanswered', 'repeated', 'short', 'late', 'lost'] as const
export type FaultKind = typeof FAULT_KINDS[number]

const TURNS_OF_LATENESS = 30

/** The kinds that mean something to a call. */
const MEANINGFUL: Readonly<Record<StorageOperation, readonly FaultKind[]>> = {
  put: ['error', 'cut', 'unanswered', 'repeated', 'late', 'lost'],
  get: ['error', 'short', 'late'],
  stream: ['error', 'cut', 'short', 'late'],
  size: ['error', 'late'],
  list: ['error', 'cut', 'late'],
  delete: ['error', 'unanswered', 'repeated', 'late', 'lost'],
}

/** Counts the calls to a backend, of whatever kind, and does something bad at one of them. */
export class FaultAtCall extends ForwardingBackend {
  /** What was called so far. */
  readonly calls: StorageOperation[] = []
  /** The call that was hit; undefined if none was, or the fault means nothing to it. */
  hit: string | undefined
  readonly #kind: FaultKind | undefined
  readonly #position: number

  /** @param position number of the call, from 0 */
  constructor (inner: StorageBackend, { kind, position = Infinity }: { readonly kind?: FaultKind, readonly position?: number } = {}) {
    super(inner)
    this.#kind = kind
    this.#position = position
  }

  override async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> {
    const kind = this.#next('put', key)
    if (kind === 'error') throw failure('put', key)
    const bytes = kind === 'cut' || kind === 'repeated' || kind === 'lost' ? await wholeOf(body) : body
    if (kind === 'cut') throw failure('put', key)
    if (kind === 'lost') return options?.whenPresent !== 'keep' || await super.size(key) === undefined
    if (kind === 'late') await turns()
    const done = await super.put(key, bytes, options)
    if (kind === 'unanswered') throw failure('put', key)
    return kind === 'repeated' ? await super.put(key, bytes, options) : done
  }

  override async get (key: string, options?: RangeOptions): Promise<Uint8Array | undefined> {
    const kind = this.#next('get', key)
    if (kind === 'error') throw failure('get', key)
    if (kind === 'late') await turns()
    const bytes = await super.get(key, options)
    return kind === 'short' ? bytes?.subarray(0, bytes.length / 2) : bytes
  }

  override async stream (key: string, options?: RangeOptions): Promise<Bytes | undefined> {
    const kind = this.#next('stream', key)
    if (kind === 'error') throw failure('stream', key)
    if (kind === 'late') await turns()
    const bytes = await super.stream(key, options)
    return bytes === undefined || (kind !== 'cut' && kind !== 'short') ? bytes : half(bytes, key, kind)
  }

  override async size (key: string, options?: AbortOptions): Promise<number | undefined> {
    const kind = this.#next('size', key)
    if (kind === 'error') throw failure('size', key)
    if (kind === 'late') await turns()
    return await super.size(key, options)
  }

  override async * list (prefix: string, options?: AbortOptions): AsyncGenerator<ObjectEntry> {
    const kind = this.#next('list', prefix)
    if (kind === 'error') throw failure('list', prefix)
    if (kind === 'late') await turns()
    const entries = await Array.fromAsync(super.list(prefix, options))
    yield * kind === 'cut' ? entries.slice(0, entries.length / 2) : entries
    if (kind === 'cut') throw failure('list', prefix)
  }

  override async delete (key: string, options?: AbortOptions): Promise<boolean> {
    const kind = this.#next('delete', key)
    if (kind === 'error') throw failure('delete', key)
    if (kind === 'lost') return true
    if (kind === 'late') await turns()
    const done = await super.delete(key, options)
    if (kind === 'unanswered') throw failure('delete', key)
    return kind === 'repeated' ? await super.delete(key, options) : done
  }

  #next (operation: StorageOperation, key: string): FaultKind | undefined {
    if (this.calls.push(operation) !== this.#position + 1 || this.#kind === undefined || !isMeaningful(this.#kind, operation)) return undefined
    this.hit = `${operation} ${key}`
    return this.#kind
  }
}

/** True if a call of that operation can have that fault. */
export function isMeaningful (kind: FaultKind, operation: StorageOperation): boolean {
  return MEANINGFUL[operation].includes(kind)
}

function failure (operation: StorageOperation, key: string): BackupError {
  return new BackupError('STORAGE_IO', `${operation} of ${key} fails to order`, { data: { key } })
}

async function turns (): Promise<void> {
  for (let i = 0; i < TURNS_OF_LATENESS; i++) await turn()
}

async function wholeOf (body: Uint8Array | Bytes): Promise<Uint8Array> {
  return body instanceof Uint8Array ? body : Buffer.concat(await Array.fromAsync(body))
}

async function * half (bytes: Bytes, key: string, kind: 'cut' | 'short'): AsyncGenerator<Uint8Array> {
  const whole = Buffer.concat(await Array.fromAsync(bytes))
  yield whole.subarray(0, whole.length / 2)
  if (kind === 'cut') throw failure('stream', key)
}
