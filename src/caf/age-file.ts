import type { Decrypter } from 'age-encryption'
import { BackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { openPiece, payloadKey, piecesOf, PLAIN_PIECE, plainBytesOf, SEALED_PIECE } from './age-payload.ts'
import type { ReadEntryOptions } from './entry-store.ts'
import type { StoredFile } from './stored-file.ts'

/** Room for several hundred recipients. */
const HEADER_LIMIT_BYTES = 65_536
const NONCE_BYTES = 16

/**
 * An age file whose header is opened. The library reads headers, and could read payloads, but those only from their beginning: an archive keeps thousands of
 * contents in one entry, so each would cost all before it.
 */
export class AgeFile implements StoredFile {
  readonly #stored: StoredFile
  readonly #payloadStart: number
  readonly #key: Uint8Array
  /** Plain bytes. */
  readonly sizeBytes: number

  private constructor (stored: StoredFile, key: Uint8Array, { payloadStart, sizeBytes }: { readonly payloadStart: number, readonly sizeBytes: number }) {
    this.#stored = stored
    this.#key = key
    this.#payloadStart = payloadStart
    this.sizeBytes = sizeBytes
  }

  /** Finds the key in the header. @throws {BackupError} `ARCHIVE_CORRUPT`, and what the decrypter's own identities throw */
  static async open (stored: StoredFile, decrypter: Pick<Decrypter, 'decryptHeader'>, options: AbortOptions = {}): Promise<AgeFile> {
    const start = await readStart(stored, options)
    const end = headerEnd(start)
    const payloadStart = end + NONCE_BYTES
    const sizeBytes = plainBytesOf(stored.sizeBytes - payloadStart)
    if (end === 0 || payloadStart > start.length) throw damaged(stored, 'it has no whole header')
    const fileKey = await decrypter.decryptHeader(start.subarray(0, end))
      .catch((cause: unknown) => { throw cause instanceof BackupError ? cause : damaged(stored, 'its header is wrong', cause) })
    if (sizeBytes === undefined) throw damaged(stored, 'it is cut off')
    return new AgeFile(stored, payloadKey(fileKey, start.subarray(end, payloadStart)), { payloadStart, sizeBytes })
  }

  get name (): string {
    return this.#stored.name
  }

  /** The plain bytes; each is proven before it comes, and at the end that there are no more. @throws {BackupError} `ARCHIVE_CORRUPT` */
  async * read ({ signal, offset = 0, length = Infinity }: ReadEntryOptions = {}): AsyncGenerator<Uint8Array> {
    const sealedBytes = this.#stored.sizeBytes - this.#payloadStart
    const count = piecesOf(sealedBytes)
    const end = Math.min(offset + length, this.sizeBytes)
    const first = Math.min(Math.floor(offset / PLAIN_PIECE), count - 1)
    const last = Math.max(first, Math.ceil(end / PLAIN_PIECE) - 1)
    const from = first * SEALED_PIECE
    const sealed = this.#stored.read({ signal, offset: this.#payloadStart + from, length: Math.min((last + 1) * SEALED_PIECE, sealedBytes) - from })
    let index = first
    for await (const piece of inPieces(sealed)) {
      signal?.throwIfAborted()
      const plain = this.#open(piece, { index, count })
      const start = index * PLAIN_PIECE
      const wanted = plain.subarray(Math.max(0, offset - start), Math.max(0, end - start))
      if (wanted.length > 0) yield wanted
      index++
    }
    if (index !== last + 1) throw damaged(this.#stored, 'it is cut off')
  }

  #open (sealed: Uint8Array, place: { readonly index: number, readonly count: number }): Uint8Array {
    try {
      return openPiece(sealed, this.#key, place)
    } catch (cause) {
      throw damaged(this.#stored, `its piece ${place.index} of ${place.count} is not what was encrypted`, cause)
    }
  }
}

/** As much as holds the header and the nonce behind it, or more. */
async function readStart (stored: StoredFile, options: AbortOptions): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of stored.read({ ...options, offset: 0, length: HEADER_LIMIT_BYTES })) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

/** Behind the line of the MAC, which alone begins with three hyphens and a space; 0 when there is none. */
function headerEnd (bytes: Buffer): number {
  const mac = bytes.indexOf('\n--- ')
  return mac < 0 ? 0 : bytes.indexOf('\n', mac + 1) + 1
}

/** Sealed pieces, each valid until the next one is asked for. */
async function * inPieces (sealed: Bytes): AsyncGenerator<Uint8Array> {
  const piece = Buffer.allocUnsafe(SEALED_PIECE)
  let filled = 0
  for await (const bytes of sealed) {
    for (let taken = 0; taken < bytes.length;) {
      const part = bytes.subarray(taken, taken + piece.length - filled)
      piece.set(part, filled)
      filled += part.length
      taken += part.length
      if (filled < piece.length) continue
      yield piece
      filled = 0
    }
  }
  if (filled > 0) yield piece.subarray(0, filled)
}

function damaged ({ name }: StoredFile, what: string, cause?: unknown): BackupError {
  return new BackupError('ARCHIVE_CORRUPT', `${name} is damaged: ${what}`, { data: { name }, cause })
}
