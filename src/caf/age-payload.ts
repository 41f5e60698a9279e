import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'

/** The payload of an age file is cut into pieces of this many plain bytes, each encrypted by itself. (https://c2sp.org/age § Payload) */
export const PLAIN_PIECE = 65_536
const TAG = 16
export const SEALED_PIECE = PLAIN_PIECE + TAG

/** How many pieces a payload of so many stored bytes has. */
export function piecesOf (sealedBytes: number): number {
  return Math.max(1, Math.ceil(sealedBytes / SEALED_PIECE))
}

/** How many plain bytes a payload of so many stored bytes gives; undefined when none has so many. Only a payload of one piece can have an empty one. */
export function plainBytesOf (sealedBytes: number): number | undefined {
  const count = piecesOf(sealedBytes)
  const last = sealedBytes - (count - 1) * SEALED_PIECE
  return last > TAG || (last === TAG && count === 1) ? sealedBytes - count * TAG : undefined
}

/** Which piece of how many. */
export interface PiecePlace {
  readonly index: number
  readonly count: number
}

/** The key of a payload, from the file's key and the nonce before the payload. */
export function payloadKey (fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

/** One piece, sealed for its place. Every piece but the last has {@link PLAIN_PIECE} bytes; the last is empty only if it is the first. */
export function sealPiece (plain: Uint8Array, key: Uint8Array, { index, isLast }: { readonly index: number, readonly isLast: boolean }): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, nonceOf(index, isLast), { authTagLength: TAG })
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** The plain bytes of one piece. @throws {Error} when they are not what was encrypted for that place under that key */
export function openPiece (sealed: Uint8Array, key: Uint8Array, { index, count }: PiecePlace): Uint8Array {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonceOf(index, index === count - 1), { authTagLength: TAG })
  decipher.setAuthTag(sealed.subarray(-TAG))
  const plain = decipher.update(sealed.subarray(0, -TAG))
  decipher.final()
  return plain
}

function nonceOf (index: number, isLast: boolean): Uint8Array {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(BigInt(index), 3)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}
