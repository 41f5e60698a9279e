import { BackupError } from '../../errors.ts'
import { decodeBase64, decodeHash, encodeBase64 } from './base64.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import { verifyInclusion } from './merkle.ts'
import type { NoteKey } from './note-key.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'
/** More hashes than a tree of 2^63 leaves can need. */
const MAX_PATH = 63
const MAX_PROOF_BYTES = 16 * 1024 * 1024

/** That something stands in a log, to be checked offline (C2SP tlog-proof). Nothing of it is verified. */
export interface TlogProof {
  /** Bytes that come along; not authenticated by themselves. */
  readonly extra?: Uint8Array
  readonly index: number
  /** Audit path from the leaf's sibling upwards. */
  readonly path: readonly Uint8Array[]
  /** The signed note, verbatim. */
  readonly checkpoint: string
}

/** The text of a `.tlog-proof` file. */
export function formatProof ({ extra, index, path, checkpoint }: TlogProof): string {
  const extraLine = extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]
  return [HEADER, ...extraLine, `index ${index}`, ...path.map(encodeBase64), '', checkpoint].join('\n')
}

/** Reads a `.tlog-proof` file; nothing is verified. @throws {BackupError} `PROOF_INVALID` for everything that is not exactly one */
export function parseProof (text: string): TlogProof {
  if (text.length > MAX_PROOF_BYTES) throw invalid(`it is longer than ${MAX_PROOF_BYTES} bytes`)
  const border = text.indexOf('\n\n')
  if (border < 0) throw invalid('it has no checkpoint')
  const [header, ...lines] = text.slice(0, border).split('\n')
  if (header !== HEADER) throw invalid(`it does not begin with ${HEADER}`)
  const extra = lines[0]?.startsWith('extra ') === true ? parseExtra(lines.shift()!) : undefined
  const index = parseIndex(lines.shift())
  if (lines.length > MAX_PATH) throw invalid(`its path has more than ${MAX_PATH} hashes`)
  const path = lines.map(line => decodeHash(line) ?? fail('a line of its path is not base64 of 32 bytes'))
  return { ...(extra === undefined ? {} : { extra }), index, path, checkpoint: text.slice(border + 2) }
}

/**
 * Checks that the leaf of that hash stands in the log at the proof's index, as the log has signed it. Whose cosignatures the
 * returned checkpoint must have is for a policy to say.
 * @throws {BackupError} `PROOF_INVALID`
 */
export function verifyProof (proof: TlogProof, { hash, log }: { readonly hash: Uint8Array, readonly log: NoteKey }): SignedCheckpoint {
  const checkpoint = openCheckpoint(proof.checkpoint, log)
  const { size, root } = checkpoint
  if (!verifyInclusion({ index: proof.index, size, hash, root }, proof.path)) throw invalid(`its path does not lead from leaf ${proof.index} to the root of the ${size} leaves`)
  return checkpoint
}

function parseExtra (line: string): Uint8Array {
  return decodeBase64(line.slice('extra '.length)) ?? fail('its extra line is not base64')
}

function parseIndex (line = ''): number {
  const [, digits] = /^index (0|[1-9]\d*)$/.exec(line) ?? []
  const index = Number(digits)
  return Number.isSafeInteger(index) ? index : fail('it names no index')
}

function fail (why: string): never {
  throw invalid(why)
}

function invalid (why: string): BackupError {
  return new BackupError('PROOF_INVALID', `this is no proof to rely on: ${why}`)
}
