import { createDecipheriv } from 'node:crypto'

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

/** The plain bytes of one piece. @throws {Error} when they are not what was encrypted for that place under that key */
export function openPiece (sealed: Uint8Array, key: Uint8Array, { index, count }: PiecePlace): Uint8Array {
  const isLast = index === count - 1
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(BigInt(index), 3)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG })
  decipher.setAuthTag(sealed.subarray(-TAG))
  const plain = decipher.update(sealed.subarray(0, -TAG))
  decipher.final()
  return plain
}
