import type { ArchiveReader } from '../caf/archive-reader.ts'
import { BackupError } from '../errors.ts'
import { parseCheckpoint } from '../trust/log/checkpoint.ts'
import type { NoteKey } from '../trust/log/note-key.ts'
import { parseNote } from '../trust/log/signed-note.ts'
import { parseProof } from '../trust/log/tlog-proof.ts'
import type { Policy } from '../trust/policy/policy.ts'
import { checkProof } from './proof.ts'

/** Whose word is taken for where an archive is from. */
export interface OriginTrust {
  /** Keys of logs. */
  readonly logKeys?: readonly NoteKey[] | undefined
  /** Further logs, and whose cosignatures are needed. */
  readonly policy?: Policy | undefined
}

/** Where an archive comes from, as far as it is proven. */
export type ArchiveOrigin =
  | { readonly proven: true, /** `caf/<repository id>`. */ readonly log: string, /** Names of the policy's witnesses that have cosigned. */ readonly cosignedBy: readonly string[] }
  | { readonly proven: false, readonly why: string }

/**
 * Looks whether the archive's snapshot stands in a log whose key is trusted. That it is intact says nothing of who made it.
 * @throws {BackupError} `PROOF_INVALID` when its proof is of a trusted log and wrong, or of another snapshot: somebody has put it together;
 *   `QUORUM_NOT_REACHED` when the policy wants more cosignatures
 */
export async function originOfArchive (archive: Pick<ArchiveReader, 'proof' | 'root'>, { logKeys = [], policy }: OriginTrust): Promise<ArchiveOrigin> {
  const proof = await archive.proof()
  if (proof === undefined) return { proven: false, why: 'it carries no proof; archives of parts of snapshots, and of repositories without a log, have none' }
  const { origin } = parseCheckpoint(parseNote(parseProof(proof).checkpoint).text)
  const logKey = [...logKeys, ...(policy?.logs ?? []).map(({ key }) => key)].find(({ name }) => name === origin)
  if (logKey === undefined) return { proven: false, why: `it names the log ${origin}, whose key is not known here` }
  const { opening, cosignedBy } = checkProof(proof, { logKey, policy })
  const root = archive.root.toString()
  if (opening.kind !== 'snapshot' || opening.root !== root) {
    throw new BackupError('PROOF_INVALID', `the archive's proof is of something else than the snapshot that it holds, ${root}`, { data: { root, opening } })
  }
  return { proven: true, log: origin, cosignedBy: cosignedBy.map(({ name }) => name) }
}

/** @throws {BackupError} `ORIGIN_UNPROVEN` */
export function requireProven (origin: ArchiveOrigin, path: string): void {
  if (origin.proven) return
  const message = `nothing that is trusted says where ${path} is from: ${origin.why}. What it holds would be restored with your rights, its SQL included: give the key of the log that it must come from (--log-key), or --accept-unsigned if you know where it is from`
  throw new BackupError('ORIGIN_UNPROVEN', message, { data: { path, why: origin.why } })
}
