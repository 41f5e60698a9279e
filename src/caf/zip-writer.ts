import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { ZipFile } from 'yazl'
import type { AbortOptions, Bytes } from '../stream.ts'
import { SEAL_LENGTH, sealBytes } from './archive-seal.ts'
import { EntryPaths } from './entry-path.ts'
import { Meter } from './meter.ts'

/** What goes into an archive under one name. */
export interface ZipSource {
  /** `/`-separated; with a final `/` and without `read` for a folder. */
  readonly path: string
  /** `deflate` for text, `store` for what does not get smaller. */
  readonly method: 'deflate' | 'store'
  readonly read?: () => Bytes
}

/** What went in: plain size in bytes and SHA-256 in hex. */
export interface ZipRecord {
  readonly path: string
  readonly size: number
  readonly sha256: string
}

export interface WriteZipOptions extends AbortOptions {
  /** Called when an entry has been read to its end, before the next source is asked for. */
  readonly onEntry?: (record: ZipRecord) => void
}

/** COPY text and SQL: 7 % larger than level 6, at twice the speed. */
const DEFLATE_LEVEL = 3
/** The same in every archive and time zone, so that equal input gives equal bytes. */
const FIXED = { mtime: new Date(1980, 0, 1), forceDosTimestamp: true }

/**
 * The bytes of a sealed ZIP (ZIP64 where needed) of `sources`, each of which is read when its turn comes. Memory holds only the names.
 * An error of a source, and of the names, ends the stream with that error.
 * @throws {BackupError} `ARCHIVE_UNSAFE` for a name that is unsafe or given twice
 */
export function writeZip (sources: AsyncIterable<ZipSource>, options: WriteZipOptions = {}): AsyncGenerator<Uint8Array> {
  return sealBytes(zipBytes(sources, options))
}

async function * zipBytes (sources: AsyncIterable<ZipSource>, options: WriteZipOptions): AsyncGenerator<Uint8Array> {
  const filler = new ZipFiller(options)
  const filled = filler.fill(sources)
  try {
    for await (const piece of filler.output) {
      options.signal?.throwIfAborted()
      yield piece as Buffer
    }
  } finally {
    filler.stop()
    await filled
  }
}

/** What is used of yazl's insides; its version is pinned. */
interface Insides {
  entries: { utf8FileName: Uint8Array }[]
}

/** Feeds sources to yazl one after another, each when the one before it is written. */
class ZipFiller {
  readonly #zip = new ZipFile()
  readonly #paths = new EntryPaths()
  readonly #options: WriteZipOptions
  /** Entries that are written: yazl would search them all for the next one to write. */
  readonly #written: Insides['entries'] = []
  #input: Readable | undefined
  readonly output: PassThrough

  constructor (options: WriteZipOptions) {
    this.#options = options
    this.output = this.#zip.outputStream as PassThrough
    this.#zip.on('error', (error: Error) => this.output.destroy(error))
  }

  /** Never rejects: an error reaches the reader of `output`. */
  async fill (sources: AsyncIterable<ZipSource>): Promise<void> {
    try {
      for await (const source of sources) {
        this.#options.signal?.throwIfAborted()
        const record = await this.#add(source)
        this.#options.onEntry?.(record)
        if (this.output.destroyed) return
      }
      this.#insides.entries = this.#written
      this.#zip.end({ comment: '0'.repeat(SEAL_LENGTH), forceZip64Format: false })
    } catch (error) {
      this.output.destroy(error as Error)
    }
  }

  stop (): void {
    this.output.destroy()
    this.#input?.destroy()
  }

  async #add ({ path, method, read }: ZipSource): Promise<ZipRecord> {
    this.#paths.add(path)
    const meter = new Meter()
    if (read === undefined) this.#zip.addEmptyDirectory(path, { ...FIXED, mode: 0o40755 })
    else await this.#addFile(path, method, meter.through(read()))
    this.#setAside(path)
    return { path, ...meter.result() }
  }

  async #addFile (path: string, method: ZipSource['method'], bytes: Bytes): Promise<void> {
    const input = Readable.from(bytes, { highWaterMark: 1 })
    this.#input = input
    const written = once(this.output, 'unpipe')
    written.catch(() => undefined) // it is awaited below, unless the input fails first
    // yazl keeps this function with the entry: it must not keep the stream.
    this.#zip.addReadStreamLazy(path, { ...FIXED, mode: 0o100644, compressionLevel: method === 'deflate' ? DEFLATE_LEVEL : 0 }, use => { this.#give(use) })
    if (this.output.destroyed) input.destroy()
    // yazl pipes from the stream and does not see it fail.
    await finished(input, { writable: false })
    await written
  }

  #give (use: (error: unknown, input: Readable) => void): void {
    use(null, this.#input!)
  }

  /** Small buffers are parts of large ones, which a name that is kept would keep. */
  #setAside (path: string): void {
    const utf8FileName = Buffer.from(new TextEncoder().encode(path).buffer)
    for (const entry of this.#insides.entries.splice(0)) this.#written.push(Object.assign(entry, { utf8FileName }))
  }

  get #insides (): Insides {
    return this.#zip as unknown as Insides
  }
}
