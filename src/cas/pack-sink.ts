import PQueue from 'p-queue'
import { BackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { PackedBlob } from './blob-list.ts'
import type { Address } from './blob-store.ts'
import type { Copy } from './copy.ts'
import { packKey } from './layout.ts'
import { PACK_TARGET_BLOBS } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'
import { PackWriter } from './pack-writer.ts'
import type { FinishedPack } from './pack-writer.ts'
import { sealedLength } from './sealed-backend.ts'
import { segmentRuns } from './segment.ts'
import { writeSegment } from './segments.ts'
import { free } from './zstd.ts'

/** Packs being written at one time; more wait, and `append`'s callers with them. Each takes 10 MB of memory. */
const PACKS_IN_FLIGHT = 1
/** A segment is written at the latest after so many packs, or as many blobs as the largest pack has. */
const SEGMENT_PACKS = 32

export interface PackSinkOptions {
  readonly backend: StorageBackend
  /** The order that so many blobs of a finished pack get, each named by its place. @default as they came */
  readonly shuffle?: ((blobs: number) => readonly number[]) | undefined
  /** A new name for a pack or a segment. */
  readonly newName: () => string
  /** Called before a segment is written; a rejection breaks the sink. */
  readonly beforeIndexing?: () => Promise<void>
  /** Called when packs are durable and listed by a durable segment. */
  readonly onIndexed: (segment: string, packs: readonly PackListing[]) => Promise<void>
}

/**
 * Collects stored blobs into packs, writes them, then the segments that list them.
 * After the first failed write it is broken: everything else rejects with that error.
 */
export class PackSink {
  readonly #options: PackSinkOptions
  readonly #writes = new PQueue({ concurrency: PACKS_IN_FLIGHT })
  readonly #copies = new Map<Address, Copy>()
  readonly #inFlight = new Map<string, Uint8Array>()
  readonly #names = new Set<string>()
  /** Memory of packs that are stored by now. */
  readonly #spare: Buffer[] = []
  #current: PackWriter | undefined
  #durable: PackListing[] = []
  #indexing: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined

  constructor (options: PackSinkOptions) {
    this.#options = options
  }

  /** The copy of a blob that was appended and is not indexed yet. */
  find (address: Address): Copy | undefined {
    return this.#copies.get(address)
  }

  /** True for the packs of this sink. */
  wrote (pack: string): boolean {
    return this.#names.has(pack)
  }

  /** A copy of the stored bytes of a copy whose pack is not durable yet. */
  storedOf ({ pack, offset, stored }: Copy): Uint8Array | undefined {
    if (this.#current?.name === pack) return this.#current.storedAt(offset, stored)
    const body = this.#inFlight.get(pack)
    return body === undefined ? undefined : Buffer.from(body.subarray(offset, offset + stored)) // its memory is used again
  }

  /** Takes a blob. Wait for {@link room} before the next one. */
  append (blob: PackedBlob, stored: Uint8Array): Copy {
    this.#check()
    const pack = this.#current ??= this.#newPack()
    const copy = pack.append(blob, stored)
    this.#copies.set(blob.address, copy)
    if (pack.isFull) this.#seal()
    return copy
  }

  /** Resolves when not too much waits to be written. */
  async room (): Promise<void> {
    await this.#writes.onSizeLessThan(1)
    this.#check()
  }

  /** Resolves when everything appended before is durable and indexed. */
  async flush (): Promise<void> {
    this.#seal()
    await this.#writes.onIdle()
    this.#index()
    await this.#indexing
    this.#freeSpare()
    this.#check()
  }

  /** Gives up what is not written yet. Resolves when no write is under way any more. */
  async abandon (): Promise<void> {
    this.#failure ??= { error: new BackupError('INVALID_OPTION', 'the session is over') }
    await this.#writes.onIdle()
    await this.#indexing
    this.#freeSpare()
  }

  /** Often a flush is the last one, and much is read after it. */
  #freeSpare (): void {
    for (const memory of this.#spare.splice(0)) free(memory)
  }

  /** One is enough: while a pack is stored another is filled, and memory that is given back has to be asked for again. */
  #keep (memory: Buffer): void {
    if (this.#spare.length === 0) this.#spare.push(memory)
    else free(memory)
  }

  #check (): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #newPack (): PackWriter {
    const name = this.#options.newName()
    this.#names.add(name)
    return new PackWriter(name, this.#spare.pop())
  }

  #seal (): void {
    const pack = this.#current
    if (pack === undefined) return
    this.#current = undefined
    const finished = this.#shuffled(pack).finish()
    this.#inFlight.set(pack.name, finished.body)
    void this.#writes.add(async () => { await this.#guard(async () => { await this.#write(finished) }) })
  }

  #shuffled (pack: PackWriter): PackWriter {
    const { shuffle } = this.#options
    if (shuffle === undefined) return pack
    const other = pack.shuffled(shuffle(pack.blobs), this.#spare.pop())
    this.#spare.push(pack.memory)
    return other
  }

  async #write ({ listing: written, body, memory }: FinishedPack): Promise<void> {
    const { backend } = this.#options
    const key = packKey(written.name)
    await backend.put(key, body)
    const listing = { ...written, ...await sealedLength(backend, key) }
    this.#inFlight.delete(listing.name)
    this.#keep(memory)
    this.#durable.push(listing)
    const blobs = this.#durable.reduce((sum, pack) => sum + pack.blobs.length, 0)
    if (this.#durable.length >= SEGMENT_PACKS || blobs >= PACK_TARGET_BLOBS) this.#index()
  }

  /** Starts to write segments for all packs that are durable by now, after those that are being written. */
  #index (): void {
    const packs = this.#durable
    if (packs.length === 0) return
    this.#durable = []
    this.#indexing = this.#indexing.then(async () => {
      for (const run of segmentRuns(packs)) await this.#guard(async () => { await this.#writeSegment(run) })
    })
  }

  async #writeSegment (packs: readonly PackListing[]): Promise<void> {
    await this.#options.beforeIndexing?.()
    const name = this.#options.newName()
    await writeSegment(this.#options.backend, name, packs)
    await this.#options.onIndexed(name, packs)
    for (const { address } of packs.flatMap(pack => pack.blobs)) this.#copies.delete(address)
  }

  /** Does nothing once broken, so that no segment follows a pack that was lost. */
  async #guard (act: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      await act()
    } catch (error) {
      this.#failure = { error: error instanceof Error ? error : new BackupError('STORAGE_IO', 'cannot write a pack', { cause: error }) }
    }
  }
}
