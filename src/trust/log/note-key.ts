import { hash } from 'node:crypto'
import { BackupError } from '../../errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { Ed25519Pair } from './ed25519.ts'

/** Signature types of C2SP signed-note: plain Ed25519 over the text, and cosignature/v1. */
export const SIGNATURE_TYPE = { ed25519: 0x01, cosignature: 0x04 } as const
export type SignatureType = typeof SIGNATURE_TYPE[keyof typeof SIGNATURE_TYPE]

/** Who may have signed: all that a verifier has to know of a key. */
export interface NoteKey {
  readonly name: string
  /** 8 hex digits. */
  readonly id: string
  readonly type: SignatureType
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

/** A key that can sign. */
export interface NoteSigner {
  readonly key: NoteKey
  /** Signs these very bytes; what they must be depends on the key's type. */
  sign(message: Uint8Array): Uint8Array
}

/** @throws {BackupError} `INVALID_OPTION` for a name that is empty or has spaces, control characters or a plus */
export function noteKey (name: string, type: SignatureType, publicKey: Uint8Array): NoteKey {
  if (!isKeyName(name)) throw new BackupError('INVALID_OPTION', `${JSON.stringify(name)} is no name of a key: it must be without spaces, control characters and +`, { data: { name } })
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey]), 'hex').slice(0, 8)
  return { name, id, type, publicKey }
}

/** A signer from the 32 secret bytes of its key. @throws {BackupError} `INVALID_OPTION` as {@link noteKey}, and for a seed of another length */
export function noteSigner (name: string, seed: Uint8Array, type: SignatureType = SIGNATURE_TYPE.ed25519): NoteSigner {
  const pair = new Ed25519Pair(seed)
  return { key: noteKey(name, type, pair.publicKey), sign: message => pair.sign(message) }
}

/** The key as one line of text: `<name>+<id>+<base64 of type and key>`. */
export function formatVkey ({ name, id, type, publicKey }: NoteKey): string {
  return `${name}+${id}+${encodeBase64(Buffer.concat([Buffer.of(type), publicKey]))}`
}

/** Reads what {@link formatVkey} writes, and other programs' keys. @throws {BackupError} `PROOF_INVALID` */
export function parseVkey (text: string): NoteKey {
  const [name = '', id = '', ...rest] = text.split('+')
  const bytes = decodeBase64(rest.join('+'))
  if (!isKeyName(name) || !/^[0-9a-f]{8}$/.test(id) || bytes === undefined) throw invalid(text, 'it is not <name>+<8 hex digits>+<base64>')
  const type = Object.values(SIGNATURE_TYPE).find(known => known === bytes[0])
  if (type === undefined || bytes.length !== 33) throw invalid(text, 'it is no Ed25519 key of type 1 or 4')
  const key = noteKey(name, type, bytes.subarray(1))
  if (key.id !== id) throw invalid(text, `its id should be ${key.id}`)
  return key
}

/** True if both are the same key, for the same use, under the same name. */
export function sameKey (one: NoteKey, other: NoteKey): boolean {
  return one.name === other.name && one.type === other.type && Buffer.compare(one.publicKey, other.publicKey) === 0
}

export function isKeyName (name: string): boolean {
  return /^[^\s+\p{Cc}\p{Zs}]+$/u.test(name) && name.isWellFormed()
}

function invalid (text: string, why: string): BackupError {
  return new BackupError('PROOF_INVALID', `${JSON.stringify(text.slice(0, 200))} is no verifier key: ${why}`)
}
