import type { Bytes } from '../stream.ts'
import { ByteBuffer } from './byte-buffer.ts'
import { DEFAULT_CUT_SIZES } from './byte-chunker.ts'
import type { CutSizes } from './byte-cutter.ts'
import { ByteCutter, checkCutSizes } from './byte-cutter.ts'
import { PieceReader } from './piece-reader.ts'
import { readPax, readTarHeader, TAR_BLOCK, text } from './tar-header.ts'

export interface LabelledChunk {
  readonly bytes: Uint8Array
  /**
   * `<member path>\0<offset in the member>`, for headers `<member path>\0h`; the path is empty for what is no member. That of a member of a
   * tar in the tar is `<path of that tar>/<its path there>`.
   */
  readonly label: string
  /** For headers: bytes of the member's content. */
  readonly memberBytes?: number
}

/** Cuts a tar stream into labelled chunks; their concatenation equals the input, also when it is no tar. */
export type TarChunker = (source: Bytes) => AsyncIterable<LabelledChunk>

/** Headers with more extensions than this are taken for no headers. */
const LARGEST_HEADER = 1_048_576

/**
 * A chunker that begins anew at each member's header and content, so that a member's chunks do not depend on its
 * neighbours; also in members that are tars themselves, one level deep. What follows the last member, and a stream that is no
 * tar, is cut by the byte rule.
 * @throws {BackupError} `INVALID_OPTION`
 */
export function tarChunker (sizes: CutSizes = DEFAULT_CUT_SIZES): TarChunker {
  checkCutSizes(sizes)
  return async function * cut (source) {
    const reader = new PieceReader(source)
    try {
      yield * cutMembers(reader, sizes)
    } finally {
      await reader.close()
    }
  }
}

/** Cuts the next `length` bytes, a tar or not: all of the stream, or the content of its member `within`. */
async function * cutMembers (reader: PieceReader, sizes: CutSizes, within = '', length = Infinity): AsyncGenerator<LabelledChunk> {
  let left = length
  while (left > 0) {
    const { bytes, member } = await readMember(reader, Math.min(left, LARGEST_HEADER))
    if (member === undefined) {
      reader.unread(bytes)
      yield * cutContent(reader, sizes, within, left, within === '' ? 0 : length - left)
      return
    }
    const path = within === '' ? member.path : `${within}/${member.path}`
    left -= bytes.length
    yield { bytes, label: `${path}\0h`, memberBytes: member.size }
    const content = Math.min(Math.ceil(member.size / TAR_BLOCK) * TAR_BLOCK, left)
    yield * within === '' && path.endsWith('.tar') ? cutMembers(reader, sizes, path, content) : cutContent(reader, sizes, path, content)
    left -= content
  }
}

interface Member { readonly path: string, readonly size: number }

/** Reads all header blocks of a member, at most `most` bytes; without `member` when what was read is none. */
async function readMember (reader: PieceReader, most: number): Promise<{ readonly bytes: Uint8Array, readonly member?: Member }> {
  const read = new ByteBuffer(2 * TAR_BLOCK)
  let path: string | undefined, size: number | undefined
  for (;;) {
    const block = await readBlocks(reader, read, TAR_BLOCK, most)
    const header = block === undefined ? undefined : readTarHeader(block)
    if (header === undefined) return { bytes: read.take() }
    if (!'xgLK'.includes(header.type)) {
      for (let more = header.extended; more;) {
        const map = await readBlocks(reader, read, TAR_BLOCK, most)
        if (map === undefined) return { bytes: read.take() }
        more = map[504] !== 0
      }
      return { bytes: read.take(), member: { path: path ?? header.name, size: size ?? header.size } }
    }
    const extension = await readBlocks(reader, read, Math.ceil(header.size / TAR_BLOCK) * TAR_BLOCK, most)
    if (extension === undefined) return { bytes: read.take() }
    if (header.type === 'L') path = text(extension, 0, header.size)
    if (header.type === 'x') {
      const pax = readPax(extension.subarray(0, header.size))
      path = pax.path ?? path
      size = pax.size ?? size
    }
  }
}

/** Reads `length` bytes more into `read` and returns them; undefined when the stream ends before or there would be more than `most`. */
async function readBlocks (reader: PieceReader, read: ByteBuffer, length: number, most: number): Promise<Uint8Array | undefined> {
  const start = read.length
  if (start + length > most) return undefined
  while (read.length < start + length) {
    const piece = await reader.peek()
    if (piece === undefined) return undefined
    const count = Math.min(piece.length, start + length - read.length)
    read.append(piece, 0, count)
    reader.skip(count)
  }
  return read.bytes.subarray(start)
}

/** Cuts the next `length` bytes, which stand at `start` of the member, by the byte rule. */
async function * cutContent (reader: PieceReader, sizes: CutSizes, path: string, length: number, start = 0): AsyncGenerator<LabelledChunk> {
  const cutter = new ByteCutter(sizes)
  const held = new ByteBuffer(0)
  let offset = start, missing = length
  const labelled = (bytes: Uint8Array): LabelledChunk => {
    const label = `${path}\0${offset}`
    offset += bytes.length
    return { bytes, label }
  }
  while (missing > 0) {
    const piece = await reader.peek()
    if (piece === undefined) break
    const part = piece.subarray(0, Math.min(piece.length, missing))
    let from = 0
    for (let end = cutter.next(part); end >= 0; end = cutter.next(part, from)) {
      yield labelled(held.take(part, from, end))
      from = end
    }
    held.append(part, from)
    reader.skip(part.length)
    missing -= part.length
  }
  if (held.length > 0) yield labelled(held.bytes)
}
