import { randomBytes } from 'node:crypto'
import { Encrypter } from 'age-encryption'
import type { Recipient } from 'age-encryption'
import type { Bytes } from '../stream.ts'
import { payloadKey, PLAIN_PIECE, sealPiece } from './age-payload.ts'

const NONCE_BYTES = 16
/** What the library puts behind a header when there is nothing to encrypt: a nonce, and the tag of an empty piece. */
const EMPTY_PAYLOAD_BYTES = 32

/**
 * The bytes as an age file for these recipients, `age1…`. The library makes its header; it would make the payload too, with a cipher in JavaScript that
 * takes ten times as long.
 */
export async function * encryptBytes (plain: Bytes, recipients: readonly string[]): AsyncGenerator<Uint8Array> {
  const { header, fileKey } = await newHeader(recipients)
  const nonce = randomBytes(NONCE_BYTES)
  yield header
  yield nonce
  yield * sealPieces(plain, payloadKey(fileKey, nonce))
}

async function newHeader (recipients: readonly string[]): Promise<{ readonly header: Uint8Array, readonly fileKey: Uint8Array }> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  let fileKey: Uint8Array = new Uint8Array(0)
  const listener: Recipient = {
    wrapFileKey: key => {
      fileKey = key
      return [] // nobody's stanza
    },
  }
  encrypter.addRecipient(listener)
  const empty = await encrypter.encrypt(new Uint8Array(0))
  return { header: empty.subarray(0, -EMPTY_PAYLOAD_BYTES), fileKey }
}

async function * sealPieces (plain: Bytes, key: Uint8Array): AsyncGenerator<Uint8Array> {
  const piece = Buffer.allocUnsafe(PLAIN_PIECE)
  let [filled, index] = [0, 0]
  for await (const bytes of plain) {
    for (let taken = 0; taken < bytes.length;) {
      if (filled === PLAIN_PIECE) {
        yield sealPiece(piece, key, { index: index++, isLast: false })
        filled = 0
      }
      const part = bytes.subarray(taken, taken + PLAIN_PIECE - filled)
      piece.set(part, filled)
      filled += part.length
      taken += part.length
    }
  }
  yield sealPiece(piece.subarray(0, filled), key, { index, isLast: true })
}
