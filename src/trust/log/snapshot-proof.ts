import { BackupError, isBackupError } from '../../errors.ts'
import { formatQuorum, quorumReached, witnessesOf } from '../policy/policy.ts'
import type { QuorumRule } from '../policy/policy.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { cosignaturesOf } from './cosignature.ts'
import { leafHash } from './merkle.ts'
import type { NoteKey } from './note-key.ts'
import { decodeOpening, leafOfOpening } from './opening.ts'
import type { Opening } from './opening.ts'
import { parseNote } from './signed-note.ts'
import { parseProof, verifyProof } from './tlog-proof.ts'

/** Whose word is taken. */
export interface TrustedKeys {
  /** Keys of logs. */
  readonly logs: readonly NoteKey[]
  /** Whose cosignatures a checkpoint must have. @default nobody's */
  readonly quorum?: QuorumRule | undefined
}

/** That a snapshot was proposed in a log, as was proven. */
export interface ProvenSnapshot {
  readonly opening: Extract<Opening, { kind: 'snapshot' }>
  readonly index: number
  readonly checkpoint: SignedCheckpoint
  /** The log whose signature counted. */
  readonly log: NoteKey
  /** Of the quorum's witnesses, those that have cosigned. */
  readonly cosigners: readonly NoteKey[]
}

/** The proof among a commit record's statements: the text of a `.tlog-proof` file. */
export function proofIn (statements: readonly unknown[]): string | undefined {
  for (const statement of statements) {
    if (typeof statement === 'object' && statement !== null && 'proof' in statement && typeof statement.proof === 'string') return statement.proof
  }
  return undefined
}

/** The log that a proof speaks of, as long as nothing of it is verified. @throws {BackupError} `PROOF_INVALID` */
export function claimedLog (text: string): string {
  return parseCheckpoint(parseNote(parseProof(text).checkpoint).text).origin
}

/**
 * Checks, offline, the proof of a snapshot: its leaf, the way to the checkpoint, the log's signature, the quorum's cosignatures.
 * @throws {BackupError} `PROOF_INVALID`, also when no trusted log has signed it or too few have cosigned
 */
export function verifySnapshotProof (text: string, { logs, quorum = { kind: 'none' } }: TrustedKeys): ProvenSnapshot {
  const proof = parseProof(text)
  const origin = claimedLog(text)
  const candidates = logs.filter(({ name }) => name === origin)
  if (candidates.length === 0) throw invalid(`it is of the log ${origin}, whose key is not among those that are trusted`)
  const { opening, leaf } = openingIn(proof.extra)
  const { log, checkpoint } = firstThatSigned(candidates, key => verifyProof(proof, { hash: leafHash(leaf), log: key }))
  const cosigners = cosignaturesOf(checkpoint.note, witnessesOf(quorum).map(({ key }) => key)).map(({ key }) => key)
  if (!quorumReached(quorum, cosigners)) {
    throw invalid(`the policy wants the cosignatures of ${formatQuorum(quorum)}, it has those of ${cosigners.map(({ name }) => name).join(', ') || 'nobody'}`)
  }
  return { opening, index: proof.index, checkpoint, log, cosigners }
}

function openingIn (extra: Uint8Array | undefined): { opening: Extract<Opening, { kind: 'snapshot' }>, leaf: Uint8Array } {
  if (extra === undefined) throw invalid('it does not say what stands in the log')
  const opening = decoded(extra)
  if (opening.kind !== 'snapshot') throw invalid(`it is of an act of another kind: ${opening.kind}`)
  return { opening, leaf: leafOfOpening(extra) }
}

function decoded (extra: Uint8Array): Opening {
  try {
    return decodeOpening(extra)
  } catch (error) {
    if (!isBackupError(error, 'LOG_CORRUPT')) throw error
    throw invalid(error.message, error)
  }
}

/** Tries several keys of one name; the last failure is the one to tell. */
function firstThatSigned (keys: readonly NoteKey[], verify: (key: NoteKey) => SignedCheckpoint): { log: NoteKey, checkpoint: SignedCheckpoint } {
  let failure: unknown
  for (const log of keys) {
    try {
      return { log, checkpoint: verify(log) }
    } catch (error) {
      if (!isBackupError(error, 'PROOF_INVALID')) throw error
      failure = error
    }
  }
  throw failure
}

function invalid (why: string, cause?: unknown): BackupError {
  return new BackupError('PROOF_INVALID', `this is no proof to rely on: ${why}`, { cause })
}
