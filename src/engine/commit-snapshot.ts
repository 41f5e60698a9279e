import type { CID } from 'multiformats/cid'
import type { Repository, WriterSession } from '../cas/repository.ts'
import type { AbortOptions } from '../stream.ts'
import { refreshCatalogue } from './catalogue.ts'
import { seekConsensus } from './consensus.ts'
import type { Agreement } from './consensus.ts'
import type { Electorate } from './electorate.ts'
import type { Ledger } from './ledger.ts'
import { propose } from './proposed-snapshot.ts'

export interface Commitment extends Electorate, AbortOptions {
  readonly root: CID
  /** The line of snapshots that it becomes part of. */
  readonly project: string
  /** Puts it into another line than its block names. */
  readonly otherProject?: string | undefined
  readonly parents: readonly CID[]
  readonly ledger: Ledger | undefined
}

/**
 * Makes what `writer` has written a snapshot: proposed in the log, agreed on by the validators, committed, closed in the log and entered in the catalogue.
 * On failure the caller discards the writer, and then calls {@link abandonSnapshot}.
 * @throws {BackupError} `QUORUM_NOT_REACHED`, `SESSION_REVOKED`, `LOG_CORRUPT`, `LOG_ROLLED_BACK`, `STORAGE_…`
 */
export async function commitSnapshot (repository: Repository, writer: WriterSession, commitment: Commitment): Promise<Agreement> {
  const { root, project, otherProject, parents, ledger, signal } = commitment
  await writer.flush({ signal })
  const [snapshot, cid] = [writer.id, root.toString()]
  const proposed = await (ledger && propose(ledger, { kind: 'snapshot', snapshot, root: cid, project, parents: parents.map(String) }, { signal }))
  const agreement = await seekConsensus(repository, writer, root, { ...commitment, proposed }).catch(async (error: unknown) => {
    await writer.askNotRevoked() // Else validators are blamed for what they cannot read any more.
    throw error
  })
  await writer.commit({ root: cid, project: otherProject, ...agreement })
  // The snapshot is visible and durable: a failure here is none of it. Who comes next closes the leaf, or writes the catalogue.
  const closing = ledger?.record([{ kind: 'committed', snapshot, root: cid, validatedBy: [...agreement.validatedBy] }]).catch(() => undefined)
  await Promise.all([closing, refreshCatalogue(repository)])
  return agreement
}

/** Closes the leaf of a snapshot that failed, as its outcome says, if that can be done. */
export async function abandonSnapshot (ledger: Ledger | undefined): Promise<void> {
  await ledger?.closeOpen().catch(() => undefined) // the next operation closes it otherwise
}
