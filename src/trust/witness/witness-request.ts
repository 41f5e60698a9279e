import { BackupError } from '../../errors.ts'
import { decodeHash, encodeBase64 } from '../log/base64.ts'
import { parseCheckpoint } from '../log/checkpoint.ts'
import type { Checkpoint } from '../log/checkpoint.ts'
import { parseNote } from '../log/signed-note.ts'
import type { SignedNote } from '../log/signed-note.ts'

/** What is posted to `add-checkpoint` (C2SP tlog-witness). */
export interface WitnessRequest {
  /** Size of the last checkpoint that the witness is thought to have cosigned. */
  readonly oldSize: number
  readonly proof: readonly Uint8Array[]
  readonly note: SignedNote
  readonly checkpoint: Checkpoint
}

const MAX_PROOF_LINES = 63

export function formatWitnessRequest ({ oldSize, proof, checkpoint }: { readonly oldSize: number, readonly proof: readonly Uint8Array[], readonly checkpoint: string }): string {
  return [`old ${oldSize}`, ...proof.map(encodeBase64), '', checkpoint].join('\n')
}

/** Reads a request's body; nothing is verified. @throws {BackupError} `PROOF_INVALID` for everything that is not exactly one */
export function parseWitnessRequest (body: Uint8Array): WitnessRequest {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  const border = bytes.indexOf('\n\n')
  if (border < 0) throw invalid('there is no empty line before a checkpoint')
  const [first = '', ...lines] = bytes.subarray(0, border).toString('latin1').split('\n')
  if (lines.length > MAX_PROOF_LINES) throw invalid(`there are more than ${MAX_PROOF_LINES} lines of a proof`)
  const note = parseNote(bytes.subarray(border + 2))
  return { oldSize: parseOld(first), proof: lines.map(parseHash), note, checkpoint: parseCheckpoint(note.text) }
}

function parseOld (line: string): number {
  const [, digits] = /^old (0|[1-9]\d*)$/.exec(line) ?? []
  const size = Number(digits)
  if (!Number.isSafeInteger(size)) throw invalid('the first line is not `old <size>`')
  return size
}

function parseHash (line: string): Uint8Array {
  const hash = decodeHash(line)
  if (hash === undefined) throw invalid('a line of the proof is not base64 of a hash')
  return hash
}

function invalid (why: string): BackupError {
  return new BackupError('PROOF_INVALID', `this is no request to cosign a checkpoint: ${why}`)
}
