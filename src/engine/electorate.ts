import type { Repository } from '../cas/repository.ts'
import { localSigner } from '../trust/local-signer.ts'
import { localValidator } from '../trust/local-validator.ts'
import { voteOf } from '../trust/policy/policy.ts'
import type { Policy } from '../trust/policy/policy.ts'
import type { Validator } from '../trust/validator.ts'

/** Who is asked about a snapshot, and how many must agree. */
export interface Electorate {
  /** @default one local validator */
  readonly validators?: readonly Validator[] | undefined
  /** How many of them must accept, where there is no policy; all by default. */
  readonly threshold?: number | undefined
  /** Whose cosignatures are enough: a tlog-policy. Needs a log. */
  readonly policy?: Policy | undefined
  /** How long a validator elsewhere may take. @default 60 s, and what reading the new bytes needs at 10 MB/s */
  readonly validatorTimeoutMs?: number | undefined
}

/** Chunks and parents that were stored before cannot be read without a key: only the blocks are, and that each chunk is there. */
const UNREADABLE = { data: 'none', verified: () => false } as const

/** The validators to ask. A policy may count the repository's own local one too, by its key, which is derived from `logSeed`. */
export function validatorsOf ({ config, isWriteOnly }: Pick<Repository, 'config' | 'isWriteOnly'>, { validators, policy }: Electorate, logSeed: Uint8Array | undefined): readonly Validator[] {
  if (validators !== undefined && policy === undefined) return validators
  const local = localValidator({ signer: logSeed === undefined ? undefined : localSigner(logSeed, config.id), ...(isWriteOnly ? UNREADABLE : {}) })
  if (policy === undefined) return [local]
  const listed = local.key !== undefined && policy.witnesses.some(({ key }) => voteOf(key) === voteOf(local.key!))
  return listed ? [...validators ?? [], local] : validators ?? []
}
