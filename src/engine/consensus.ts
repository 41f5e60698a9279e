import type { CID } from 'multiformats/cid'
import type { Repository, WriterSession } from '../cas/repository.ts'
import type { AbortOptions, Plain } from '../stream.ts'
import { reachConsensus } from '../trust/quorum.ts'
import type { Validator } from '../trust/validator.ts'

export interface ConsensusRequest extends AbortOptions {
  readonly validators: readonly Validator[]
  readonly threshold?: number | undefined
  /** Root blocks that the snapshot names as its parents. */
  readonly parents?: readonly CID[]
}

/** What a commit record says about who agreed. */
export interface Agreement {
  readonly consensus: true
  readonly validatedBy: readonly string[]
  readonly statements: readonly Plain[]
}

/** Lets the validators read what `writer` has flushed, through the storage. @throws {BackupError} `QUORUM_NOT_REACHED` */
export async function seekConsensus (repository: Repository, writer: WriterSession, root: CID, { validators, threshold, parents = [], signal }: ConsensusRequest): Promise<Agreement> {
  const blobs = await repository.openReader({ signal })
  try {
    // A parent was visible when the session began; it may have been forgotten since.
    const committed = new Set([...(await repository.visible({ signal, onDamaged: () => undefined })).map(commit => commit.root), ...parents.map(String)])
    const proposal = { snapshot: writer.id, root, blobs, committed }
    const { validatedBy, verdicts } = await reachConsensus(validators, proposal, { threshold, signal })
    return { consensus: true, validatedBy, statements: verdicts.map(verdict => ({ ...verdict })) }
  } finally {
    await blobs.close()
  }
}
