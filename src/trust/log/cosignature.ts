import { BackupError } from '../../errors.ts'
import { verifyEd25519 } from './ed25519.ts'
import { SIGNATURE_TYPE } from './note-key.ts'
import type { NoteKey, NoteSigner } from './note-key.ts'
import { signaturesBy, wrongSignature } from './signed-note.ts'
import type { NoteSignature, SignedNote } from './signed-note.ts'

/** A verified cosignature. */
export interface Cosignature {
  readonly key: NoteKey
  /** Seconds since 1970. */
  readonly time: number
}

/** Cosigns a checkpoint's text at `time`, whole seconds since 1970 (C2SP tlog-cosignature, Ed25519). @throws {BackupError} `INVALID_OPTION` */
export function cosign (text: string, signer: NoteSigner, time: number): NoteSignature {
  const { name, id, type } = signer.key
  if (type !== SIGNATURE_TYPE.cosignature) throw new BackupError('INVALID_OPTION', `key ${name} is not one for cosignatures`)
  if (!Number.isSafeInteger(time) || time < 0) throw new BackupError('INVALID_OPTION', `${time} is no time in whole seconds since 1970`)
  const stamp = Buffer.alloc(8)
  stamp.writeBigUInt64BE(BigInt(time))
  return { name, id, signature: Buffer.concat([stamp, signer.sign(messageOf(text, BigInt(time)))]) }
}

/** The time of a cosignature of `text` by `key`, in seconds since 1970; undefined if it is none. */
export function verifyCosignature (text: string, key: NoteKey, { signature }: Pick<NoteSignature, 'signature'>): number | undefined {
  if (key.type !== SIGNATURE_TYPE.cosignature || signature.length !== 72) return undefined
  const time = Buffer.from(signature).readBigUInt64BE()
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  return verifyEd25519(key.publicKey, messageOf(text, time), signature.subarray(8)) ? Number(time) : undefined
}

/**
 * The cosignatures by `keys`, one for each key, the newest of it; signatures of other keys are ignored.
 * @throws {BackupError} `PROOF_INVALID` when a cosignature of one of them is wrong
 */
export function cosignaturesOf ({ text, signatures }: SignedNote, keys: readonly NoteKey[]): Cosignature[] {
  return keys.filter(({ type }) => type === SIGNATURE_TYPE.cosignature).flatMap(key => {
    const times = signaturesBy(key, signatures).map(signature => {
      const time = verifyCosignature(text, key, signature)
      if (time === undefined) throw wrongSignature(key)
      return time
    })
    return times.length === 0 ? [] : [{ key, time: Math.max(...times) }]
  })
}

/** The note with further signatures; of each key only its newest stays. */
export function addSignatures (note: SignedNote, added: readonly NoteSignature[]): SignedNote {
  const isAdded = ({ name, id }: NoteSignature): boolean => added.some(other => other.name === name && other.id === id)
  return { text: note.text, signatures: [...note.signatures.filter(signature => !isAdded(signature)), ...added] }
}

function messageOf (text: string, time: bigint): Uint8Array {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`)
}
