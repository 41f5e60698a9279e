import { isBackupError } from '../errors.ts'
import { byteRange } from '../storage/byte-range.ts'
import type { ByteRange } from '../storage/byte-range.ts'
import { ForwardingBackend } from '../storage/forwarding-backend.ts'
import type { PutOptions, RangeOptions, StorageBackend } from '../storage/storage-backend.ts'
import { collect } from '../stream.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { PACK_PREFIX, isSealedKey } from './layout.ts'
import { SEGMENT_BYTES, STORED_SEGMENT_BYTES } from './object-cipher.ts'
import { LENGTH_BYTES } from './object-seal.ts'
import type { ObjectSeal } from './object-seal.ts'
import { sealBroken, sealHeadBytes, PREFIX_BYTES } from './seal-header.ts'
import { openBytes, openHead, openStream, sealBytes, sealObject } from './sealed-object.ts'
import type { Random } from './sealed-object.ts'
import type { Sealing } from './sealing.ts'
import { free } from './zstd.ts'

/** The length of an object is sealed with it, so that it must be known first. */
const STREAM_LIMIT_BYTES = 64 * 1024 * 1024
/** Up to here the sealed form is made in one piece. */
const PIECE_BYTES = 1024 * 1024
/** What a header usually fits into. */
const HEAD_GUESS_BYTES = 8 * 1024
/** Headers of packs kept, each some KiB. */
const HEADS = 512
/** How much a stream of a range reads at once. */
const WINDOW_BYTES = 1024 * 1024

/** An object of which the header and the length are known. */
interface OpenedObject {
  readonly seal: ObjectSeal
  readonly length: number
}

/**
 * Seals what docs/format.md says (§ Sealing) on its way to `inner`, and opens it on its way back; `list` gives the sizes of what
 * is stored, all else those of the objects. A stream to be put has at most 64 MiB, else `INVALID_OPTION`.
 * Reads reject with `SEAL_BROKEN` for what is not as it was sealed, under that key, and `KEY_NEEDED`.
 */
export class SealedBackend extends ForwardingBackend {
  readonly #sealing: Sealing
  readonly #random: Random
  /** Of packs, which do not change unless they are repaired; the one used last at the end. */
  readonly #opened = new Map<string, Promise<OpenedObject | undefined>>()

  constructor (inner: StorageBackend, sealing: Sealing, random: Random) {
    super(inner)
    this.#sealing = sealing
    this.#random = random
  }

  override async put (key: string, body: Uint8Array | Bytes, options?: PutOptions): Promise<boolean> {
    if (!isSealedKey(key)) return await super.put(key, body, options)
    const bytes = body instanceof Uint8Array ? body : await collect(body, { limit: STREAM_LIMIT_BYTES })
    try {
      if (bytes.length <= PIECE_BYTES) return await super.put(key, sealBytes(key, bytes, this.#sealing, this.#random), options)
      return await super.put(key, asStream(sealObject(key, bytes, this.#sealing, this.#random).pieces()), options)
    } finally {
      this.#opened.delete(key)
    }
  }

  override async get (key: string, options: RangeOptions = {}): Promise<Uint8Array | undefined> {
    if (!isSealedKey(key)) return await super.get(key, options)
    const range = byteRange(options)
    if (key.startsWith(PACK_PREFIX) && range.length < Infinity) return await this.#range(key, range, options)
    const stored = await super.get(key, { signal: options.signal })
    return stored === undefined ? undefined : (await openBytes(key, stored, this.#sealing)).subarray(range.offset, range.offset + range.length)
  }

  override async stream (key: string, options: RangeOptions = {}): Promise<Bytes | undefined> {
    if (!isSealedKey(key)) return await super.stream(key, options)
    const { offset, length } = byteRange(options)
    if (offset > 0 || length < Infinity) return await this.#rangeStream(key, { offset, length }, options)
    const stored = await super.stream(key, options)
    return stored === undefined ? undefined : openStream(key, stored, this.#sealing, options)
  }

  override async size (key: string, options?: AbortOptions): Promise<number | undefined> {
    const stored = await super.size(key, options)
    if (stored === undefined || !isSealedKey(key)) return stored
    const known = await this.#open(key, options)
    if (known === undefined || known.seal.storedBytes === stored) return known?.length
    this.#opened.delete(key)
    const opened = await this.#open(key, options) // A repair may have replaced it.
    if (opened === undefined || opened.seal.storedBytes === stored) return opened?.length
    throw sealBroken(key, `it has ${stored} bytes where ${opened.seal.storedBytes} were stored`)
  }

  override async delete (key: string, options?: AbortOptions): Promise<boolean> {
    this.#opened.delete(key)
    return await super.delete(key, options)
  }

  /** Length of what is stored, header, padding and all; undefined when there is no such object. */
  async storedSize (key: string, options?: AbortOptions): Promise<number | undefined> {
    return await super.size(key, options)
  }

  /** A known header may be that of an object which a repair has replaced since. */
  async #range (key: string, range: ByteRange, options: AbortOptions): Promise<Uint8Array | undefined> {
    const wasKnown = this.#opened.has(key)
    try {
      return await this.#readRange(key, range, options)
    } catch (error) {
      if (!wasKnown || !isBackupError(error, 'SEAL_BROKEN')) throw error
      this.#opened.delete(key)
      return await this.#readRange(key, range, options)
    }
  }

  async #readRange (key: string, { offset, length }: ByteRange, options: AbortOptions): Promise<Uint8Array | undefined> {
    const opened = await this.#open(key, options)
    if (opened === undefined) return undefined
    const { seal } = opened
    const end = Math.min(offset + length, opened.length)
    if (end <= offset) return await super.size(key, options) === undefined ? undefined : Buffer.alloc(0)
    const range = seal.rangeOf(offset, end)
    const stored = await super.get(key, { signal: options.signal, offset: range.offset, length: range.length })
    if (stored === undefined) {
      this.#opened.delete(key)
      return undefined
    }
    const plain = Buffer.allocUnsafe(end - offset)
    for (let at = 0, number = range.first; at < range.length; at += STORED_SEGMENT_BYTES, number++) {
      const segment = seal.open(number, stored.subarray(at, at + seal.storedSegment(number)))
      const start = number * SEGMENT_BYTES - LENGTH_BYTES - offset // of this segment in `plain`
      segment.copy(plain, Math.max(start, 0), Math.max(-start, 0))
      free(segment)
    }
    free(stored)
    return plain
  }

  async #rangeStream (key: string, { offset, length }: ByteRange, options: AbortOptions): Promise<Bytes | undefined> {
    const size = await this.size(key, options)
    if (size === undefined) return undefined
    const end = Math.min(offset + length, size)
    const read = async (at: number): Promise<Uint8Array | undefined> =>
      await this.get(key, { signal: options.signal, offset: at, length: Math.min(WINDOW_BYTES, end - at) })
    return (async function * () {
      for (let at = offset; at < end; at += WINDOW_BYTES) {
        const piece = await read(at)
        if (piece === undefined) throw sealBroken(key, 'it vanished while it was read')
        yield piece
      }
    })()
  }

  /** Header and length of an object, of packs from memory. */
  async #open (key: string, options: AbortOptions = {}): Promise<OpenedObject | undefined> {
    options.signal?.throwIfAborted()
    const opened = this.#opened.get(key) ?? this.#readOpened(key) // Without the signal: others may wait for the same.
    if (!key.startsWith(PACK_PREFIX)) return await opened
    this.#opened.delete(key)
    this.#opened.set(key, opened)
    if (this.#opened.size > HEADS) this.#opened.delete(this.#opened.keys().next().value!)
    try {
      const result = await opened
      if (result === undefined) this.#opened.delete(key)
      return result
    } catch (error) {
      this.#opened.delete(key)
      throw error
    }
  }

  async #readOpened (key: string): Promise<OpenedObject | undefined> {
    const read = async (length: number): Promise<Buffer | undefined> => {
      const bytes = await super.get(key, { offset: 0, length })
      return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    let start = await read(HEAD_GUESS_BYTES + STORED_SEGMENT_BYTES)
    if (start === undefined) return undefined
    const headBytes = sealHeadBytes(key, start.subarray(0, PREFIX_BYTES))
    if (headBytes > HEAD_GUESS_BYTES) start = await read(headBytes + STORED_SEGMENT_BYTES) ?? start
    const seal = await openHead(key, start, this.#sealing)
    const first = seal.open(0, start.subarray(headBytes, headBytes + seal.storedSegment(0)))
    return { seal, length: seal.lengthIn(first) }
  }
}

/** Length of what is stored under `key`, sealed or not; undefined when there is no such object. Opens nothing. */
export async function storedSize (backend: StorageBackend, key: string, options?: AbortOptions): Promise<number | undefined> {
  return backend instanceof SealedBackend ? await backend.storedSize(key, options) : await backend.size(key, options)
}

/** What the listing of a pack says of the object it is stored as: its length if it is sealed, else nothing. */
export async function sealedLength (backend: StorageBackend, key: string, options?: AbortOptions): Promise<{ readonly objectBytes?: number }> {
  const objectBytes = backend instanceof SealedBackend ? await backend.storedSize(key, options) : undefined
  return objectBytes === undefined ? {} : { objectBytes }
}

async function * asStream (pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield * pieces
}
