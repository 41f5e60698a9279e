import type { ArchiveReader } from '../caf/archive-reader.ts'
import { BackupError } from '../errors.ts'
import { claimedLog, verifySnapshotProof } from '../trust/log/snapshot-proof.ts'
import type { TrustedKeys } from '../trust/log/snapshot-proof.ts'

/** Where an archive comes from, as far as it is proven. */
export type ArchiveOrigin =
  | { readonly proven: true, /** `caf/<repository id>`. */ readonly log: string, /** Names of the quorum's witnesses that have cosigned. */ readonly cosignedBy: readonly string[] }
  | { readonly proven: false, readonly why: string }

/**
 * Looks whether the archive's snapshot stands in a log whose key is trusted. That it is intact says nothing of who made it.
 * @throws {BackupError} `PROOF_INVALID` when its proof is of a trusted log and wrong, or of another snapshot: somebody has put it together
 */
export async function originOfArchive (archive: Pick<ArchiveReader, 'proof' | 'root' | 'manifest'>, trusted: TrustedKeys): Promise<ArchiveOrigin> {
  const proof = await archive.proof()
  if (proof === undefined) return { proven: false, why: 'it carries no proof; archives of parts of snapshots, and of repositories without a log, have none' }
  const claimed = claimedLog(proof)
  if (!trusted.logs.some(({ name }) => name === claimed)) return { proven: false, why: `it names the log ${claimed}, whose key is not known here` }
  const { opening, log, cosigners } = verifySnapshotProof(proof, trusted)
  if (opening.root !== archive.root.toString()) {
    throw new BackupError('PROOF_INVALID', `the archive's proof is of another snapshot: of ${opening.root}, the archive holds ${archive.root}`, { data: { root: archive.root.toString(), proven: opening.root } })
  }
  return { proven: true, log: log.name, cosignedBy: cosigners.map(({ name }) => name) }
}

/** @throws {BackupError} `ORIGIN_UNPROVEN` */
export function requireProven (origin: ArchiveOrigin, path: string): void {
  if (origin.proven) return
  const message = `${path} is intact, but its origin is unproven: ${origin.why}. Its SQL would run with your rights: give the key of the log it must come from, or accept it unsigned if you know where it is from`
  throw new BackupError('ORIGIN_UNPROVEN', message, { data: { path, why: origin.why } })
}
