import { BackupError } from '../../errors.ts'
import { decodeHash, encodeBase64 } from './base64.ts'
import type { TreeHead } from './merkle.ts'
import type { NoteKey, NoteSigner } from './note-key.ts'
import { formatNote, parseNote, signText, signersOf } from './signed-note.ts'
import type { SignedNote } from './signed-note.ts'

/** What a log says of itself at one size (C2SP tlog-checkpoint). */
export interface Checkpoint extends TreeHead {
  readonly origin: string
  /** Lines after the root; ours have none. */
  readonly extensions: readonly string[]
}

/** A checkpoint with the note it stands in, whose log's signature was verified. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: SignedNote
}

/** The text that is signed: origin, size and root, a line each. */
export function formatCheckpoint ({ origin, size, root, extensions = [] }: Omit<Checkpoint, 'extensions'> & Partial<Checkpoint>): string {
  return [origin, String(size), encodeBase64(root), ...extensions].map(line => `${line}\n`).join('')
}

/** Reads a note's text; nothing is verified. @throws {BackupError} `PROOF_INVALID` */
export function parseCheckpoint (text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  const hash = decodeHash(root)
  if (!text.endsWith('\n') || origin === '' || extensions.includes('') || hash === undefined) throw invalid('it is not origin, size and root, a line each')
  if (!/^(0|[1-9]\d*)$/.test(size) || !Number.isSafeInteger(Number(size))) throw invalid(`its size is ${JSON.stringify(size.slice(0, 40))}`)
  return { origin, size: Number(size), root: hash, extensions }
}

/** A note with the checkpoint and the log's signature. */
export function signCheckpoint (head: TreeHead, signer: NoteSigner): string {
  const text = formatCheckpoint({ origin: signer.key.name, ...head })
  return formatNote({ text, signatures: [signText(text, signer)] })
}

/**
 * Reads a checkpoint that the log of that key has signed, for the origin that is the key's name.
 * @throws {BackupError} `PROOF_INVALID`
 */
export function openCheckpoint (note: string | Uint8Array, log: NoteKey): SignedCheckpoint {
  const parsed = parseNote(note)
  const checkpoint = parseCheckpoint(parsed.text)
  if (checkpoint.origin !== log.name) throw invalid(`it is of the log ${checkpoint.origin}, not of ${log.name}`)
  if (signersOf(parsed, [log]).length === 0) throw invalid(`it has no signature of ${log.name} by the key ${log.id}`)
  return { ...checkpoint, note: parsed }
}

function invalid (why: string): BackupError {
  return new BackupError('PROOF_INVALID', `this is no checkpoint to rely on: ${why}`)
}
