import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Proposal, Validator, Verdict } from './validator.ts'

export interface QuorumOptions extends AbortOptions {
  /**
   * How many validators must accept.
   * @default all of them
   */
  readonly threshold?: number
}

export interface Consensus {
  readonly validatedBy: readonly string[]
  readonly verdicts: readonly Verdict[]
}

/**
 * Asks every validator at the same time; one that throws counts as not accepting.
 * @throws {BackupError} `QUORUM_NOT_REACHED` with every verdict in its data; `INVALID_OPTION` for a threshold that can never or always be met
 */
export async function reachConsensus (validators: readonly Validator[], proposal: Proposal, { threshold = validators.length, signal }: QuorumOptions = {}): Promise<Consensus> {
  const names = new Set(validators.map(validator => validator.name))
  if (threshold < 1 || threshold > names.size) {
    throw new BackupError('INVALID_OPTION', `a quorum of ${threshold} is impossible with ${names.size} distinct validators`, { data: { threshold, validators: [...names] } })
  }
  const verdicts = await Promise.all(validators.map(async validator => await ask(validator, proposal, { signal })))
  const accepting = new Set(verdicts.filter(verdict => verdict.accepts).map(verdict => verdict.validator))
  if (accepting.size < threshold) {
    const against = verdicts.filter(verdict => !verdict.accepts).map(verdict => `${verdict.validator}: ${verdict.errors.join('; ')}`)
    throw new BackupError('QUORUM_NOT_REACHED', `${accepting.size} of ${threshold} needed validators accept the snapshot, so nothing was made visible (${against.join(' | ')})`, { data: { threshold, verdicts } })
  }
  return { validatedBy: [...accepting].sort(), verdicts }
}

async function ask (validator: Validator, proposal: Proposal, options: AbortOptions): Promise<Verdict> {
  try {
    return await validator.validate(proposal, options)
  } catch (error) {
    options.signal?.throwIfAborted()
    return { validator: validator.name, accepts: false, checked: 'dag', blobs: 0, errors: [`could not look: ${error instanceof Error ? error.message : String(error)}`] }
  }
}
