import { createHash } from 'node:crypto'
import { free } from '../cas/zstd.ts'
import { mapInOrder } from '../cas/in-order.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { SEAL_LENGTH } from './archive-seal.ts'
import type { ContentPiece } from './content-pieces.ts'
import { PieceCutter } from './content-pieces.ts'
import { Deflater } from './deflater.ts'
import { EntryPaths } from './entry-path.ts'
import type { Measure } from './meter.ts'
import { Meter } from './meter.ts'
import { dataDescriptor, localHeader, ZipDirectory } from './zip-records.ts'

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
  readonly onEntry?: ((record: ZipRecord) => void) | undefined
  /** The length that a ZIP of some length is to have, at least that; zero bytes before the directory make it so long. @default no padding */
  readonly padded?: ((length: number) => number) | undefined
}

/** Parts that are read ahead of the one that is written, pieces that are being deflated among them. */
const AHEAD = 8
/** Smaller pieces are put together. */
const OUTPUT_BYTES = 65_536
const ZEROS = Buffer.alloc(65_536)

/**
 * The bytes of a sealed ZIP (ZIP64 where needed) of `sources`, each of which is read when its turn comes; each piece is the reader's own. Memory holds only the names.
 * An error of a source, and of the names, ends the stream with that error.
 * @throws {BackupError} `ARCHIVE_UNSAFE` for a name that is unsafe or given twice
 */
export async function * writeZip (sources: AsyncIterable<ZipSource>, options: WriteZipOptions = {}): AsyncGenerator<Uint8Array> {
  const output = new ZipOutput()
  const deflater = new Deflater()
  try {
    for await (const part of mapInOrder(partsOf(sources, options), AHEAD, async part => await finished(part, deflater))) {
      options.signal?.throwIfAborted()
      output.add(part)
      yield * output.take(OUTPUT_BYTES)
    }
    yield * output.end(options.padded)
  } finally {
    await deflater.close()
  }
}

type Begin = { readonly kind: 'begin' } & Pick<ZipSource, 'path' | 'method'>
type End = { readonly kind: 'end' } & Measure
/** A part of an entry, in the order in which it is written. */
type Part = Begin | { readonly kind: 'piece', readonly method: ZipSource['method'], readonly piece: ContentPiece } | End
type WrittenPart = Begin | { readonly kind: 'piece', readonly stored: Uint8Array } | End

/** Reads the sources one after another. */
async function * partsOf (sources: AsyncIterable<ZipSource>, { signal, onEntry }: WriteZipOptions): AsyncGenerator<Part> {
  const paths = new EntryPaths()
  const cutter = new PieceCutter()
  for await (const { path, method, read } of sources) {
    signal?.throwIfAborted()
    paths.add(path)
    const how = read === undefined ? 'store' : method
    yield { kind: 'begin', path, method: how }
    const meter = new Meter()
    if (read !== undefined) {
      for await (const piece of cutter.cut(read())) {
        meter.add(piece.bytes)
        yield { kind: 'piece', method: how, piece }
      }
    }
    const measure = meter.result()
    onEntry?.({ path, size: measure.size, sha256: measure.sha256 })
    yield { kind: 'end', ...measure }
  }
}

async function finished (part: Part, deflater: Deflater): Promise<WrittenPart> {
  if (part.kind !== 'piece') return part
  const { method, piece } = part
  try {
    return { kind: 'piece', stored: method === 'deflate' ? await deflater.deflate(piece) : Buffer.from(piece.bytes) }
  } finally {
    piece.release()
  }
}

/** The bytes of a ZIP as its parts come, and their seal. */
class ZipOutput {
  readonly #directory = new ZipDirectory()
  readonly #seal = createHash('sha256')
  #entry = { name: EMPTY, method: 'store' as ZipSource['method'], offset: 0, storedSize: 0 }
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #length = 0

  add (part: WrittenPart): void {
    if (part.kind === 'begin') {
      this.#entry = { name: new TextEncoder().encode(part.path), method: part.method, offset: this.#length, storedSize: 0 }
      this.#push(localHeader(this.#entry))
    } else if (part.kind === 'piece') {
      this.#entry.storedSize += part.stored.length
      this.#push(part.stored)
    } else {
      const entry = { ...this.#entry, crc: part.crc, size: part.size }
      this.#push(dataDescriptor(entry))
      this.#directory.add(entry)
    }
  }

  /** What is to be written, if it is as much as `least`. */
  * take (least = 1): Generator<Uint8Array> {
    if (this.#pendingBytes < least) return
    const bytes = joined(this.#pending, this.#pendingBytes)
    this.#pending = []
    this.#pendingBytes = 0
    this.#seal.update(bytes)
    yield bytes
  }

  /** Everything after the last entry. */
  * end (padded: WriteZipOptions['padded'] = length => length): Generator<Uint8Array> {
    const lengthWith = (padding: number): number => this.#length + padding + this.#directory.lengthAt(this.#length + padding, SEAL_LENGTH)
    // The padding may itself be what makes the end longer.
    const first = padded(lengthWith(0)) - lengthWith(0)
    const length = lengthWith(first)
    for (let missing = padded(length) - length + first; missing > 0;) {
      const zeros = ZEROS.subarray(0, missing)
      this.#push(zeros)
      yield * this.take()
      missing -= zeros.length
    }
    this.#push(this.#directory.end(this.#length, SEAL_LENGTH))
    yield * this.take()
    yield Buffer.from(this.#seal.digest('hex'))
  }

  #push (bytes: Uint8Array): void {
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    this.#length += bytes.length
  }
}

/** Takes the pieces over: the memory of those that are copied is given back, that of the result is its taker's. */
function joined (pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined && first.buffer !== ZEROS.buffer) return first
  const bytes = Buffer.concat(pieces, length)
  for (const piece of pieces) if (piece.buffer !== ZEROS.buffer) free(piece)
  return bytes
}

const EMPTY = new Uint8Array(0)
