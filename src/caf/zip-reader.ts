import { Readable } from 'node:stream'
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib'
import type { InflateRaw } from 'node:zlib'
import { fromRandomAccessReaderPromise, getFileNameLowLevel } from 'yauzl'
import type { Entry, ZipFile } from 'yauzl'
import { BackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { EntryPaths } from './entry-path.ts'
import type { EntryStore, ReadEntryOptions } from './entry-store.ts'
import { FileSlices } from './file-slices.ts'
import type { StoredFile } from './stored-file.ts'
import { DiskFile } from './stored-file.ts'

const STORED = 0
const DEFLATED = 8
const FILE_TYPES_ALLOWED = new Set([0, 0o100000, 0o040000])
/** Entries that are stored in no more than this are read at once, and inflated at once if they declare to be as short. */
const SMALL_BYTES = 131_072
const INFLATED_PIECE_BYTES = 262_144

export interface ZipLimits {
  /**
   * Refuses archives whose entries declare more plain bytes than this; none ever gives more than it declares.
   * @default 2 ** 44
   */
  readonly maxPlainBytes?: number | undefined
}

/** One entry as the directory at the end of the ZIP describes it. */
export interface ZipEntry {
  /** `/`-separated and safe; with a final `/` for a folder. */
  readonly path: string
  readonly sizeBytes: number
}

interface Located extends ZipEntry {
  readonly entry: Entry
  /** Where its bytes must have ended: the next entry's start. */
  end: number
  /** Where its bytes begin, once its header has been read. */
  start?: number
}

/**
 * A ZIP in a file, read by entry. Opening reads the directory and refuses names that are unsafe, given twice or collide, links, special files,
 * encryption, other methods than deflate, entries that overlap, and more declared bytes than allowed. Close it.
 */
export class ZipReader implements EntryStore {
  readonly #zip: ZipFile
  readonly #slices: FileSlices
  readonly #file: StoredFile
  readonly #entries: ReadonlyMap<string, Located>
  readonly path: string

  private constructor (file: StoredFile, slices: FileSlices, zip: ZipFile, entries: ReadonlyMap<string, Located>) {
    this.path = file.name
    this.#file = file
    this.#slices = slices
    this.#zip = zip
    this.#entries = entries
  }

  /**
   * @throws {BackupError} `ARCHIVE_INVALID` when it is no ZIP or one of an unsupported kind, `ARCHIVE_UNSAFE`, `ARCHIVE_TOO_LARGE`;
   *   `INVALID_OPTION`, `STORAGE_DENIED`, `STORAGE_IO` when the file cannot be read
   */
  static async open (path: string, limits: ZipLimits = {}): Promise<ZipReader> {
    return await ZipReader.openFile(await DiskFile.open(path), limits)
  }

  /** As {@link open}; closes the file with itself, and when it cannot be opened. */
  static async openFile (file: StoredFile, { maxPlainBytes = 2 ** 44 }: ZipLimits = {}): Promise<ZipReader> {
    try {
      const slices = new FileSlices(file)
      const zip = await fromRandomAccessReaderPromise(slices, file.sizeBytes, { autoClose: false, decodeStrings: false })
      return new ZipReader(file, slices, zip, await readDirectory(zip, maxPlainBytes))
    } catch (error) {
      await file.close?.()
      throw zipError(file.name, error)
    }
  }

  /** The whole ZIP. */
  get file (): StoredFile {
    return this.#file
  }

  /** In the order of the directory. */
  get entries (): Iterable<ZipEntry> {
    return this.#entries.values()
  }

  get (path: string): ZipEntry | undefined {
    return this.#entries.get(path)
  }

  /**
   * The plain bytes of an entry. They come before they are proven: length and CRC are checked at the end, and not at all for a part of
   * an entry that is stored without compression, of which only that part is read.
   * @throws {BackupError} `ARCHIVE_CORRUPT` when the entry is missing, damaged or short, `ARCHIVE_TOO_LARGE` as soon as it gives more than it declared
   */
  async * read (path: string, { signal, offset = 0, length }: ReadEntryOptions = {}): AsyncGenerator<Uint8Array> {
    const located = this.#entries.get(path)
    if (located === undefined) throw new BackupError('ARCHIVE_CORRUPT', `${this.path} has no entry ${path}`, { data: { path } })
    const start = Math.min(offset, located.sizeBytes)
    const end = Math.min(start + (length ?? Infinity), located.sizeBytes)
    try {
      if (end - start === located.sizeBytes) yield * checked(located, this.#plain(located, { signal }), signal)
      else if (located.entry.compressionMethod === STORED) yield * this.#stored(located, { signal, offset: start, length: end - start })
      else yield * part(checked(located, this.#plain(located, { signal }), signal), start, end)
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : zipError(`${this.path}: entry ${path}`, error)
    }
  }

  /** Safe to call twice. */
  async close (): Promise<void> {
    this.#zip.close()
    await this.#file.close?.()
  }

  #plain (located: Located, options: AbortOptions): Bytes {
    const { entry, sizeBytes } = located
    const stored = this.#stored(located, options)
    if (entry.compressionMethod === STORED) return stored
    return entry.compressedSize <= SMALL_BYTES && sizeBytes <= SMALL_BYTES ? inflatedAtOnce(stored, sizeBytes) : inflated(stored, entry.compressedSize)
  }

  /** The bytes as they stand in the file. */
  async * #stored (located: Located, { signal, offset = 0, length = located.entry.compressedSize }: ReadEntryOptions): AsyncGenerator<Uint8Array> {
    const start = offset + (located.start ??= await this.#findStart(located))
    if (length > SMALL_BYTES) yield * this.#file.read({ signal, offset: start, length })
    else if (length > 0) yield await this.#slices.take(start, length, { signal })
  }

  async #findStart ({ entry, end }: Located): Promise<number> {
    const header = await this.#zip.readLocalFileHeaderPromise(entry)
    const same = header.fileName.equals(entry.fileNameRaw) && header.compressionMethod === entry.compressionMethod
    if (!same) throw new BackupError('ARCHIVE_CORRUPT', 'the entry and the directory describe different things')
    if (header.fileDataStart + entry.compressedSize > end) throw overlapping(entry)
    return header.fileDataStart
  }
}

async function * part (bytes: Bytes, start: number, end: number): AsyncGenerator<Uint8Array> {
  let offset = 0
  for await (const piece of bytes) {
    const wanted = piece.subarray(Math.max(0, start - offset), Math.max(0, end - offset))
    offset += piece.length
    if (wanted.length > 0) yield wanted
    if (offset >= end) return
  }
}

/** Deflated bytes made plain, on another thread; nothing may follow the end of the deflate stream. */
async function * inflated (stored: Bytes, storedBytes: number): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: INFLATED_PIECE_BYTES })
  const source = Readable.from(stored, { objectMode: false })
  source.on('error', error => inflate.destroy(error))
  try {
    yield * source.pipe(inflate) as Bytes
  } finally {
    source.destroy()
    inflate.destroy()
  }
  checkEnd(inflate, storedBytes)
}

/** As {@link inflated}, of little that says that it gives little. */
async function * inflatedAtOnce (stored: Bytes, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.concat(await Array.fromAsync(stored))
  try {
    const { buffer, engine } = inflateRawSync(bytes, { info: true, maxOutputLength: sizeBytes + 1, chunkSize: Math.max(64, sizeBytes + 1) }) as unknown as { readonly buffer: Uint8Array, readonly engine: InflateRaw }
    checkEnd(engine, bytes.length)
    yield buffer
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? givesMore(sizeBytes) : error
  }
}

function checkEnd ({ bytesWritten }: InflateRaw, storedBytes: number): void {
  if (bytesWritten !== storedBytes) throw new BackupError('ARCHIVE_CORRUPT', `${storedBytes - bytesWritten} bytes follow the end of its data`)
}

function givesMore (sizeBytes: number): BackupError {
  return new BackupError('ARCHIVE_TOO_LARGE', `gives more than the ${sizeBytes} bytes that it declares`, { data: { sizeBytes } })
}

async function * checked ({ entry, sizeBytes }: Located, bytes: Bytes, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  let size = 0
  let crc = 0
  for await (const piece of bytes) {
    signal?.throwIfAborted()
    size += piece.length
    if (size > sizeBytes) throw givesMore(sizeBytes)
    crc = crc32(piece, crc)
    yield piece
  }
  if (size < sizeBytes) throw new BackupError('ARCHIVE_CORRUPT', `ends after ${size} of ${sizeBytes} bytes`, { data: { sizeBytes } })
  if (crc !== entry.crc32) throw new BackupError('ARCHIVE_CORRUPT', 'does not have the CRC that it declares')
}

async function readDirectory (zip: ZipFile, maxPlainBytes: number): Promise<Map<string, Located>> {
  const directoryStart = Number(zip.readEntryCursor)
  const found = new Map<string, Located>()
  const paths = new EntryPaths()
  let plainBytes = 0
  for await (const entry of zip.eachEntry()) {
    const path = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true)
    paths.add(path)
    checkKind(path, entry)
    plainBytes += entry.uncompressedSize
    if (plainBytes > maxPlainBytes) throw new BackupError('ARCHIVE_TOO_LARGE', `its entries declare more than ${maxPlainBytes} bytes`, { data: { maxPlainBytes } })
    found.set(path, { path, sizeBytes: entry.uncompressedSize, entry, end: directoryStart })
  }
  markEnds(found)
  return found
}

function checkKind (path: string, entry: Entry): void {
  const type = (entry.externalFileAttributes >>> 16) & 0o170000
  if (!FILE_TYPES_ALLOWED.has(type)) throw new BackupError('ARCHIVE_UNSAFE', `entry ${path} is a link or a special file`, { data: { path } })
  if (entry.isEncrypted()) throw new BackupError('ARCHIVE_INVALID', `entry ${path} is encrypted, which is not supported`, { data: { path } })
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw new BackupError('ARCHIVE_INVALID', `entry ${path} is compressed with method ${entry.compressionMethod}; only deflate is supported`, { data: { path } })
  }
  if (path.endsWith('/') && entry.uncompressedSize > 0) throw new BackupError('ARCHIVE_INVALID', `folder entry ${path} has content`, { data: { path } })
}

/** Overlapping entries are how a small file is made to unpack to petabytes. */
function markEnds (entries: ReadonlyMap<string, Located>): void {
  const byPlace = [...entries.values()].sort((a, b) => a.entry.relativeOffsetOfLocalHeader - b.entry.relativeOffsetOfLocalHeader)
  for (const [i, located] of byPlace.entries()) {
    located.end = byPlace[i + 1]?.entry.relativeOffsetOfLocalHeader ?? located.end
    const { entry } = located
    if (entry.relativeOffsetOfLocalHeader + 30 + entry.fileNameLength + entry.compressedSize > located.end) throw overlapping(entry)
  }
}

function overlapping ({ fileNameRaw }: Entry): BackupError {
  return new BackupError('ARCHIVE_UNSAFE', `entry ${fileNameRaw.toString()} overlaps what follows it`)
}

/** yauzl and zlib say what is wrong in words; a failing disk has a system call. */
function zipError (what: string, cause: unknown): unknown {
  if (cause instanceof BackupError) return new BackupError(cause.code, `${what} ${cause.message}`, { data: cause.data, cause })
  const { message, code, syscall } = cause as NodeJS.ErrnoException
  if (syscall !== undefined) return new BackupError('STORAGE_IO', `${what} cannot be read`, { cause })
  if (code?.startsWith('Z_') === true) return new BackupError('ARCHIVE_CORRUPT', `${what} is damaged: ${message}`, { cause })
  return new BackupError('ARCHIVE_INVALID', `${what} is not an archive that can be read: ${message}`, { cause })
}
