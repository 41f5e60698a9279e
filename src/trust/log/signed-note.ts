import { BackupError } from '../../errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { verifyEd25519 } from './ed25519.ts'
import { SIGNATURE_TYPE, isKeyName } from './note-key.ts'
import type { NoteKey, NoteSigner } from './note-key.ts'

/** Limits of what is parsed before anything is verified; the same as those of Go's implementation. */
const MAX_NOTE_BYTES = 1_000_000
const MAX_SIGNATURES = 100

const SIGNATURE_LINE = /^— (\S+) (\S+)$/u

/** A signature line: who says to have signed, and the signature. */
export interface NoteSignature {
  readonly name: string
  /** 8 hex digits. */
  readonly id: string
  /** Without the four bytes of the id. */
  readonly signature: Uint8Array
}

/** A text and its signatures (C2SP signed-note). Nothing of it is verified. */
export interface SignedNote {
  /** With its final newline, without the blank line. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** Takes a note apart. @throws {BackupError} `PROOF_INVALID` for everything that is not exactly a note */
export function parseNote (note: string | Uint8Array): SignedNote {
  if (note.length > MAX_NOTE_BYTES) throw invalid(`it is longer than ${MAX_NOTE_BYTES} bytes`)
  const all = typeof note === 'string' ? note : decodeText(note)
  if (!all.isWellFormed() || /[\p{Cc}--[\n\u007f-\u009f]]/v.test(all)) throw invalid('it has control characters')
  const border = all.lastIndexOf('\n\n')
  if (border < 0 || !all.endsWith('\n')) throw invalid('it does not end in a blank line and signatures')
  const lines = all.slice(border + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw invalid(`it has more than ${MAX_SIGNATURES} signatures`)
  return { text: all.slice(0, border + 1), signatures: lines.map(parseSignature) }
}

/** Puts text and signatures together. */
export function formatNote ({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(formatSignature).join('')}`
}

/** One signature line, with its newline. */
export function formatSignature ({ name, id, signature }: NoteSignature): string {
  return `— ${name} ${encodeBase64(Buffer.concat([Buffer.from(id, 'hex'), signature]))}\n`
}

/** Reads one signature line, without its newline. @throws {BackupError} `PROOF_INVALID` */
export function parseSignature (line: string): NoteSignature {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? []
  if (name === undefined || encoded === undefined || !isKeyName(name)) throw invalid('a signature line is not “— <name> <base64>”')
  const bytes = decodeBase64(encoded)
  if (bytes === undefined || bytes.length <= 4) throw invalid(`the signature of ${name} is not base64 of an id and a signature`)
  return { name, id: Buffer.from(bytes.subarray(0, 4)).toString('hex'), signature: bytes.subarray(4) }
}

/** Signs `text`, which must end in a newline, with a key of type 0x01. */
export function signText (text: string, signer: NoteSigner): NoteSignature {
  if (signer.key.type !== SIGNATURE_TYPE.ed25519) throw new BackupError('INVALID_OPTION', `key ${signer.key.name} is one for cosignatures, not for notes`)
  return { name: signer.key.name, id: signer.key.id, signature: signer.sign(Buffer.from(text)) }
}

/**
 * Those of `keys`, all of type 0x01, that signed the note; signatures of other keys are ignored.
 * @throws {BackupError} `PROOF_INVALID` when a signature of one of them is wrong
 */
export function signersOf ({ text, signatures }: SignedNote, keys: readonly NoteKey[]): NoteKey[] {
  const message = Buffer.from(text)
  return keys.filter(key => {
    if (key.type !== SIGNATURE_TYPE.ed25519) return false
    const own = signaturesBy(key, signatures)
    if (!own.every(({ signature }) => verifyEd25519(key.publicKey, message, signature))) throw wrongSignature(key)
    return own.length > 0
  })
}

/** The signatures that say to be of `key`. */
export function signaturesBy (key: NoteKey, signatures: readonly NoteSignature[]): NoteSignature[] {
  return signatures.filter(({ name, id }) => name === key.name && id === key.id)
}

export function wrongSignature ({ name }: NoteKey): BackupError {
  return new BackupError('PROOF_INVALID', `the signature of ${name} is wrong: what it signed was changed, or another key made it`, { data: { name } })
}

function decodeText (bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw invalid('it is not UTF-8', error)
  }
}

function invalid (why: string, cause?: unknown): BackupError {
  return new BackupError('PROOF_INVALID', `this is no signed note: ${why}`, { cause })
}
