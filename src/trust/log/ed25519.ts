import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { BackupError } from '../../errors.ts'

/** What DER puts before the 32 bytes of a key (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** A key pair made of its seed, the 32 secret bytes of RFC 8032. */
export class Ed25519Pair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly #secret: KeyObject

  /** @throws {BackupError} `INVALID_OPTION` unless the seed has 32 bytes */
  constructor (seed: Uint8Array) {
    if (seed.length !== 32) throw new BackupError('INVALID_OPTION', `an Ed25519 seed has 32 bytes, not ${seed.length}`)
    this.#secret = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' })
    this.publicKey = createPublicKey(this.#secret).export({ format: 'der', type: 'spki' }).subarray(PUBLIC_PREFIX.length)
  }

  sign (message: Uint8Array): Uint8Array {
    return sign(null, message, this.#secret)
  }
}

/** True if `signature` is one of `message` by the key of these 32 bytes. */
export function verifyEd25519 (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, publicKey]), format: 'der', type: 'spki' })
  return verify(null, message, key, signature)
}
