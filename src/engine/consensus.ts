import type { CID } from 'multiformats/cid'
import type { Repository, WriterSession } from '../cas/repository.ts'
import type { AbortOptions, Plain } from '../stream.ts'
import { reachConsensus } from '../trust/quorum.ts'
import type { Validator } from '../trust/validator.ts'

export interface ConsensusRequest extends AbortOptions {
  readonly validators: readonly Validator[]
  readonly threshold?: number | undefined
}

/** What a commit record says about who agreed. */
export interface Agreement {
  readonly consensus: true
  readonly validatedBy: readonly string[]
  readonly statements: readonly Plain[]
}

/** Lets the validators read what `writer` has flushed, through the storage. @throws {BackupError} `QUORUM_NOT_REACHED` */
export async function seekConsensus (repository: Repository, writer: WriterSession, root: CID, { validators, threshold, signal }: ConsensusRequest): Promise<Agreement> {
  const blobs = await repository.openReader({ signal })
  try {
    const proposal = { root, blobs, isNew: (address: string) => writer.wrote(address) }
    const { validatedBy, verdicts } = await reachConsensus(validators, proposal, { signal, ...(threshold === undefined ? {} : { threshold }) })
    return { consensus: true, validatedBy, statements: verdicts.map(verdict => ({ ...verdict })) }
  } finally {
    await blobs.close()
  }
}
