import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { ByteReader } from './byte-reader.ts'
import { PACK_PREFIX } from './layout.ts'
import { SEGMENT_BYTES, STORED_SEGMENT_BYTES } from './object-cipher.ts'
import { LENGTH_BYTES, ObjectSeal, ZEROS } from './object-seal.ts'
import { padmeSize } from './padme.ts'
import { PREFIX_BYTES, SALT_BYTES, decodeSealHead, encodeSealHead, sealBroken, sealHeadBytes } from './seal-header.ts'
import type { Sealing } from './sealing.ts'

/** So that a pack of one small blob looks like one of some dozens. */
const LEAST_PACK_BYTES = 32 * 1024
const LEAST_BYTES = 4 * 1024
/** Segments handed on together. */
const SEGMENTS_IN_PIECE = 16

/** Gives so many random bytes; they must never repeat. */
export type Random = (length: number) => Uint8Array

export interface SealedObject {
  /** Length of all pieces together. */
  readonly storedBytes: number
  /** What is to be stored. A piece is overwritten when the next one is asked for. */
  pieces(): Generator<Uint8Array>
}

/** Seals `bytes`, which must not change meanwhile, as the object of that name; each time otherwise. */
export function sealObject (storageKey: string, bytes: Uint8Array, { current, slots }: Sealing, random: Random): SealedObject {
  const isPack = storageKey.startsWith(PACK_PREFIX)
  const size = padmeSize(Math.max(LENGTH_BYTES + bytes.length, isPack ? LEAST_PACK_BYTES : LEAST_BYTES))
  const head = encodeSealHead({
    key: current.id, salt: random(SALT_BYTES), size, ...(isPack ? { slots } : {}), ...(current.wrap === undefined ? {} : { wrap: current.wrap }),
  })
  const seal = new ObjectSeal(storageKey, head, current)
  return { storedBytes: seal.storedBytes, pieces: () => sealedPieces(seal, head, bytes) }
}

function * sealedPieces (seal: ObjectSeal, head: Uint8Array, bytes: Uint8Array): Generator<Uint8Array> {
  yield head
  const piece = Buffer.allocUnsafe(Math.min(SEGMENTS_IN_PIECE, seal.segments) * STORED_SEGMENT_BYTES)
  for (let number = 0; number < seal.segments;) {
    let filled = 0
    for (const end = Math.min(number + SEGMENTS_IN_PIECE, seal.segments); number < end; number++) {
      filled = seal.seal(number, plainSegment(seal, number, bytes), piece, filled)
    }
    yield piece.subarray(0, filled)
  }
}

/** The part of the plain stream that stands in a segment: the object itself where that is possible, else a copy. */
function plainSegment ({ size }: ObjectSeal, number: number, bytes: Uint8Array): Uint8Array {
  const start = number * SEGMENT_BYTES - LENGTH_BYTES
  const length = Math.min(SEGMENT_BYTES, size - number * SEGMENT_BYTES)
  if (number > 0 && start + length <= bytes.length) return bytes.subarray(start, start + length)
  if (number > 0 && start >= bytes.length) return ZEROS.subarray(0, length)
  const plain = Buffer.alloc(length)
  if (number === 0) plain.writeBigUInt64LE(BigInt(bytes.length))
  plain.set(bytes.subarray(Math.max(start, 0), start + length), number === 0 ? LENGTH_BYTES : 0)
  return plain
}

/** The sealed form in one piece: for small things. */
export function sealBytes (storageKey: string, bytes: Uint8Array, sealing: Sealing, random: Random): Uint8Array {
  const sealed = sealObject(storageKey, bytes, sealing, random)
  return Buffer.concat([...sealed.pieces()].map(piece => Buffer.from(piece)), sealed.storedBytes)
}

/** What `sealBytes` was given. @throws {BackupError} `SEAL_BROKEN`, `KEY_NEEDED`, `FORMAT_UNKNOWN` */
export async function openBytes (storageKey: string, stored: Uint8Array, sealing: Sealing): Promise<Buffer> {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  const seal = await openHead(storageKey, bytes, sealing)
  if (bytes.length !== seal.storedBytes) throw sealBroken(storageKey, `it has ${bytes.length} bytes where ${seal.storedBytes} were stored`)
  const plain = Buffer.allocUnsafe(seal.size)
  for (let number = 0, at = seal.headBytes; number < seal.segments; number++) {
    const length = seal.storedSegment(number)
    plain.set(seal.open(number, bytes.subarray(at, at + length)), number * SEGMENT_BYTES)
    at += length
  }
  const end = LENGTH_BYTES + seal.lengthIn(plain)
  for (let at = end; at < plain.length; at += SEGMENT_BYTES) seal.checkPadding(plain.subarray(at, at + SEGMENT_BYTES))
  return plain.subarray(LENGTH_BYTES, end)
}

/**
 * The object in a stored stream that begins with its first byte, each piece checked before it is handed on; at the end that
 * nothing is missing and nothing follows. @throws {BackupError} `SEAL_BROKEN`, `KEY_NEEDED`, `FORMAT_UNKNOWN`
 */
export async function * openStream (storageKey: string, stored: Bytes, sealing: Sealing, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(stored)
  try {
    const start = Buffer.from(await reader.take(PREFIX_BYTES))
    const head = Buffer.concat([start, await reader.take(sealHeadBytes(storageKey, start) - PREFIX_BYTES)])
    const seal = await openHead(storageKey, head, sealing)
    const memory = Buffer.allocUnsafeSlow(STORED_SEGMENT_BYTES)
    let left = 0
    for (let number = 0; number < seal.segments; number++) {
      signal?.throwIfAborted()
      const plain = seal.open(number, memory.subarray(0, await reader.takeInto(memory.subarray(0, seal.storedSegment(number)))))
      if (number === 0) left = seal.lengthIn(plain)
      const content = plain.subarray(number === 0 ? LENGTH_BYTES : 0)
      const piece = content.subarray(0, left)
      seal.checkPadding(content.subarray(piece.length))
      left -= piece.length
      if (piece.length > 0) yield piece
    }
    if ((await reader.take(1)).length > 0) throw sealBroken(storageKey, 'it is longer than what was stored')
  } finally {
    await reader.close()
  }
}

/** Opens the header that `stored` begins with. @throws {BackupError} `SEAL_BROKEN`, `KEY_NEEDED`, `FORMAT_UNKNOWN` */
export async function openHead (storageKey: string, stored: Buffer, sealing: Sealing): Promise<ObjectSeal> {
  const headBytes = sealHeadBytes(storageKey, stored)
  if (stored.length < headBytes) throw sealBroken(storageKey, `it ends within its header of ${headBytes} bytes`)
  const head = stored.subarray(0, headBytes)
  const { key: id, wrap } = decodeSealHead(storageKey, head)
  const key = id === sealing.current.id ? sealing.current : await sealing.find(id, wrap).catch((error: unknown) => {
    throw isBackupError(error, 'SEAL_BROKEN') ? sealBroken(storageKey, error.message, error) : error
  })
  if (key?.id !== id) {
    const message = `${storageKey} is sealed with the key ${id}, which none of the given secrets opens; give one that does`
    throw new BackupError('KEY_NEEDED', message, { data: { key: storageKey, keyId: id } })
  }
  return new ObjectSeal(storageKey, head, key)
}
