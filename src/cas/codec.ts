import { CodecPool } from './codec-pool.ts'
import type { CodecPoolOptions } from './codec-pool.ts'
import { addressesOf, decodeBytes, encodeBytes } from './codec-task.ts'
import type { DecodedBytes, EncodedBytes, StoredBytes, StoredForm } from './codec-task.ts'
import type { CodecJob } from './codec-thread.ts'
import type { Address } from './blob-store.ts'
import { copyShared } from './shared-bytes.ts'
import { EncodeQueue } from './encode-queue.ts'
import type { QueuedBlob } from './encode-queue.ts'
import { free } from './zstd.ts'
import type { Effort } from './zstd.ts'

/**
 * Up to here the work is done at once: a message to a thread and back, with a chunk, costs this one 30 µs, as long as it takes to
 * decompress and hash so much. (To compress it takes 60 µs; a chunk of 128 KiB takes 430 and 150.)
 */
const SMALL_BYTES = 16 * 1024
/** Threads are started when so much was done at once, which takes some 30 ms: each costs 40 ms of a processor and 12 MB of memory. */
const START_BYTES = 6 * 1024 * 1024
/** So many bytes are decoded in the time that it takes to encode one. */
const DECODED_FOR_ONE = 4

export interface CodecOptions extends CodecPoolOptions {
  /** Bytes of larger pieces that are worked on at once before threads are started. @default 6 MiB */
  readonly startBytes?: number | undefined
}

export interface EncodeOptions {
  /** For a frame without a base. @default 'less' */
  readonly effort?: Effort | undefined
}

/**
 * How blobs become what stands in packs, and back: small ones and the first ones at once, others on threads, which are started
 * when there is work for them. Close it when done.
 */
export class Codec {
  readonly #options: CodecOptions
  readonly #queue = new EncodeQueue((...batch) => { this.#encodeAll(...batch) })
  #pool: CodecPool | undefined
  #unstarted: number
  #closed = false

  constructor (options: CodecOptions = {}) {
    this.#options = options
    this.#unstarted = options.startBytes ?? START_BYTES
  }

  /**
   * Encodes a blob, with `base` as its dictionary if that is clearly better. Small ones without a base wait for each other until the next turn of the event loop.
   * @param take gets what is to be stored, only until it returns: that memory is used again
   * @throws {BackupError} `THREAD_FAILED`, and what `take` throws
   */
  async encode<T> (bytes: Uint8Array, base: Uint8Array | undefined, take: (encoded: EncodedBytes) => T, { effort = 'less' }: EncodeOptions = {}): Promise<T> {
    if (base === undefined && bytes.length <= SMALL_BYTES) return await this.#queue.add(bytes, effort, take)
    const pool = this.#poolFor(bytes.length)
    if (pool === undefined) return takeAndFree(encodeBytes(bytes, base, effort), bytes, take)
    return await inPool(pool, { parts: base === undefined ? [bytes] : [bytes, base], task: { task: 'encode', effort } }, (answer, memory) => {
      if (answer.type !== 'encoded') throw new TypeError(`${answer.type} is no answer`)
      return take({ encoding: answer.encoding, stored: memory.subarray(0, answer.length) })
    })
  }

  /**
   * What stored bytes stand for, in memory of the caller's own, and its hash. A base that is stored itself is not hashed.
   * @throws an error of zlib's when they are damaged; {BackupError} `THREAD_FAILED`
   */
  async decode (stored: Uint8Array, form: StoredForm, base?: StoredBytes['base']): Promise<DecodedBytes> {
    const { parts, forms } = partsOf({ ...form, stored, base })
    const pool = this.#poolFor(form.plain, DECODED_FOR_ONE)
    if (pool === undefined) {
      const { bytes, address } = decodeBytes(parts, forms)
      return { bytes: bytes === stored ? Buffer.from(stored) : bytes, address }
    }
    return await inPool(pool, { parts, task: { task: 'decode', forms } }, (answer, memory) => {
      if (answer.type !== 'decoded') throw new TypeError(`${answer.type} is no answer`)
      const bytes = Buffer.allocUnsafeSlow(answer.length)
      copyShared(memory.subarray(0, answer.length), bytes)
      return { bytes, address: answer.address }
    })
  }

  /** The hash of what stored bytes stand for. @throws as {@link decode} */
  async addressOf (stored: Uint8Array, form: StoredForm, base?: StoredBytes['base']): Promise<Address> {
    const { parts, forms } = partsOf({ ...form, stored, base })
    const pool = this.#poolFor(form.plain, DECODED_FOR_ONE)
    if (pool === undefined) {
      const { bytes, address } = decodeBytes(parts, forms)
      if (bytes !== stored) free(bytes)
      return address
    }
    return await inPool(pool, { parts, task: { task: 'decode', forms } }, answer => {
      if (answer.type !== 'decoded') throw new TypeError(`${answer.type} is no answer`)
      return answer.address
    })
  }

  /** What each of several blobs without a base hashes to, in one go; undefined for one that cannot be decompressed, or has another length. @throws {BackupError} `THREAD_FAILED` */
  async addressesOf (stored: readonly Uint8Array[], forms: readonly StoredForm[]): Promise<readonly (Address | undefined)[]> {
    const pool = this.#poolFor(forms.reduce((sum, { plain }) => sum + plain, 0), DECODED_FOR_ONE)
    if (pool === undefined) return addressesOf(stored, forms)
    return await inPool(pool, { parts: stored, task: { task: 'check', forms } }, answer => {
      if (answer.type !== 'checked') throw new TypeError(`${answer.type} is no answer`)
      return answer.addresses
    })
  }

  /** Encodes blobs that came at the same time. */
  readonly #encodeAll = (blobs: readonly QueuedBlob[], length: number): void => {
    const pool = this.#poolFor(length)
    if (pool === undefined) for (const blob of blobs) encodeNow(blob)
    else pool.add({ parts: blobs.map(({ bytes }) => bytes), task: { task: 'encode-all', efforts: blobs.map(({ effort }) => effort) }, ...takingAll(blobs) })
  }

  /** True if there are threads, which may not run yet. */
  get isStarted (): boolean {
    return this.#pool !== undefined
  }

  /** True once work is done on threads. */
  get isThreaded (): boolean {
    return this.#pool?.ready === true
  }

  /** Ends the threads; what they were working on fails with `INVALID_OPTION`. Safe to call twice. */
  async close (): Promise<void> {
    this.#closed = true
    await this.#pool?.close()
  }

  /** The threads, if so many bytes are for them, and they run. */
  #poolFor (length: number, speed = 1): CodecPool | undefined {
    if (length <= SMALL_BYTES) return undefined
    this.#unstarted -= length / speed
    if (this.#unstarted < 0 && !this.#closed) this.#pool ??= new CodecPool(this.#options)
    return this.isThreaded ? this.#pool : undefined
  }
}

function encodeNow ({ bytes, effort, take, failed }: QueuedBlob): void {
  try {
    takeAndFree(encodeBytes(bytes, undefined, effort), bytes, take)
  } catch (error) {
    failed(error)
  }
}

/** Hands each blob its part of the answer. */
function takingAll (blobs: readonly QueuedBlob[]): Pick<CodecJob, 'done' | 'failed'> {
  const failed = (error: unknown): void => { for (const blob of blobs) blob.failed(error) }
  const done: CodecJob['done'] = (answer, memory) => {
    if (answer.type !== 'all-encoded') return failed(new TypeError(`${answer.type} is no answer`))
    let at = 0
    for (const [index, { take }] of blobs.entries()) take({ encoding: answer.encodings[index]!, stored: memory.subarray(at, at += answer.lengths[index]!) })
  }
  return { done, failed }
}

function takeAndFree<T> (encoded: EncodedBytes, bytes: Uint8Array, take: (encoded: EncodedBytes) => T): T {
  try {
    return take(encoded)
  } finally {
    if (encoded.stored !== bytes) free(encoded.stored)
  }
}

/** What has to be decoded, each part followed by its base. */
function partsOf (blob: StoredBytes): { parts: Uint8Array[], forms: StoredForm[] } {
  const parts: Uint8Array[] = []
  const forms: StoredForm[] = []
  let next: StoredBytes['base'] = blob
  for (; next !== undefined && !(next instanceof Uint8Array); next = next.base) {
    parts.push(next.stored)
    forms.push({ encoding: next.encoding, plain: next.plain })
  }
  if (next !== undefined) parts.push(next)
  return { parts, forms }
}

/** What `take` makes of the answer to a job, and of memory that is used again when it returns. */
export async function inPool<T> (pool: CodecPool, job: Pick<CodecJob, 'parts' | 'task'>, take: (...answer: Parameters<CodecJob['done']>) => T): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  pool.add({
    ...job,
    failed: reject,
    done: (...answer) => { new Promise<T>(settle => { settle(take(...answer)) }).then(resolve, reject) },
  })
  return await promise
}
