import { setTimeout as delay } from 'node:timers/promises'
import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { verifyCosignature } from './log/cosignature.ts'
import { parseNote, parseSignature } from './log/signed-note.ts'
import { formatQuorum, quorumReached, voteOf, witnessesOf } from './policy/policy.ts'
import type { Policy } from './policy/policy.ts'
import type { Proposal, Validator, Verdict } from './validator.ts'

export interface QuorumOptions extends AbortOptions {
  /**
   * How many validators must accept, where there is no policy.
   * @default all of them
   */
  readonly threshold?: number | undefined
  /** Which keys' cosignatures are enough. Then votes without a key of it do not count. */
  readonly policy?: Policy | undefined
  /** How long a validator may take that is not local. @default 60000 */
  readonly timeoutMs?: number | undefined
  /** How long the others are waited for once there are enough. @default 5000 */
  readonly graceMs?: number | undefined
}

export interface Consensus {
  /** Names of those whose vote counted. */
  readonly validatedBy: readonly string[]
  readonly verdicts: readonly Verdict[]
}

/** What all validators said, and whether that is enough. */
export interface Poll extends Consensus {
  readonly reached: boolean
  /** What would be enough, for messages. */
  readonly needed: string
}

/**
 * Asks every validator at the same time. One that throws, is too slow, or whose cosignature is not over the proposed checkpoint does not accept.
 * @throws {BackupError} `INVALID_OPTION` for a quorum that these validators can never, or always, reach
 */
export async function poll (validators: readonly Validator[], proposal: Proposal, options: QuorumOptions = {}): Promise<Poll> {
  const { policy, threshold, timeoutMs = 60_000, graceMs = 5_000, signal } = options
  signal?.throwIfAborted()
  const rule = ruleOf(validators, { policy, threshold })
  const enough = new AbortController()
  const patient = AbortSignal.any([enough.signal, ...(signal === undefined ? [] : [signal])])
  const limited = AbortSignal.any([patient, AbortSignal.timeout(timeoutMs)])
  const accepting: Validator[] = []
  const verdicts = await Promise.all(validators.map(async validator => {
    const verdict = checked(await ask(validator, proposal, { timeoutMs, stop: validator.isLocal === true ? patient : limited }), validator, proposal)
    if (counts(verdict)) accepting.push(validator)
    if (rule.reached(accepting)) void delay(graceMs, undefined, { ref: false }).then(() => { enough.abort() })
    return verdict
  }))
  signal?.throwIfAborted()
  const voters = accepting.filter(validator => rule.votes(validator))
  return { verdicts, reached: rule.reached(accepting), needed: rule.needed, validatedBy: [...new Set(voters.map(({ name }) => name))].sort() }
}

/**
 * As {@link poll}, and it must be enough.
 * @throws {BackupError} `QUORUM_NOT_REACHED` with every verdict in its data; `INVALID_OPTION`
 */
export async function reachConsensus (validators: readonly Validator[], proposal: Proposal, options: QuorumOptions = {}): Promise<Consensus> {
  const result = await poll(validators, proposal, options)
  if (!result.reached) throw notReached(result)
  return { validatedBy: result.validatedBy, verdicts: result.verdicts }
}

/** Says who said what. */
export function notReached ({ verdicts, needed, validatedBy }: Poll): BackupError {
  const against = verdicts.filter(verdict => !counts(verdict)).map(verdict => `${verdict.validator}: ${verdict.errors.join('; ') || `it checked only the ${verdict.checked}`}`)
  const message = `the validators do not agree to the snapshot, so nothing was made visible: needed ${needed}, accepted by ${validatedBy.join(', ') || 'nobody'} (${against.join(' | ')})`
  return new BackupError('QUORUM_NOT_REACHED', message, { data: { needed, validatedBy, verdicts } })
}

interface Rule {
  readonly needed: string
  reached(accepting: readonly Validator[]): boolean
  /** True if it can contribute at all. */
  votes(validator: Validator): boolean
}

function ruleOf (validators: readonly Validator[], { policy, threshold }: Pick<QuorumOptions, 'policy' | 'threshold'>): Rule {
  if (policy === undefined) return thresholdRule(validators, threshold)
  const rule = policy.quorum
  const keys = (of: readonly Validator[]) => of.flatMap(({ key }) => key ?? [])
  const needed = formatQuorum(rule)
  if (quorumReached(rule, [])) throw impossible('a policy that asks nobody lets every snapshot pass; without a policy there is a local validator', validators)
  if (!quorumReached(rule, keys(validators))) throw impossible(`the policy needs ${needed}, which the validators there are can never reach`, validators)
  const listed = new Set(witnessesOf(rule).map(({ key }) => voteOf(key)))
  return { needed, reached: accepting => quorumReached(rule, keys(accepting)), votes: ({ key }) => key !== undefined && listed.has(voteOf(key)) }
}

/** One vote for each key, and for each name that has none: repeated, they are still one. */
function thresholdRule (validators: readonly Validator[], threshold: number | undefined): Rule {
  const distinct = (of: readonly Validator[]): number => new Set(of.map(({ name, key }) => key === undefined ? `name ${name}` : voteOf(key))).size
  const all = distinct(validators)
  const least = threshold ?? all
  if (!(least >= 1 && least <= all)) throw impossible(`a quorum of ${least} is impossible with ${all} distinct validators`, validators)
  return { needed: `${least} of ${all}`, reached: accepting => distinct(accepting) >= least, votes: () => true }
}

function impossible (why: string, validators: readonly Validator[]): BackupError {
  return new BackupError('INVALID_OPTION', why, { data: { validators: validators.map(({ name }) => name) } })
}

/** Growing alone says nothing of the snapshot. */
function counts ({ accepts, checked: depth }: Verdict): boolean {
  return accepts && depth !== 'log'
}

interface Patience {
  readonly timeoutMs: number
  readonly stop: AbortSignal
}

async function ask (validator: Validator, proposal: Proposal, { timeoutMs, stop }: Patience): Promise<Verdict> {
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const onStop = (): void => { reject(new BackupError('QUORUM_NOT_REACHED', `it gave no answer in time (${timeoutMs} ms at most)`)) }
  stop.addEventListener('abort', onStop)
  if (stop.aborted) onStop()
  try {
    // Also one that does not listen to the signal must not hold up the others.
    return await Promise.race([validator.validate(proposal, { signal: stop }), stopped])
  } catch (error) {
    return { validator: validator.name, accepts: false, checked: 'log', blobs: 0, errors: [`could not look: ${reasonOf(error, stop, timeoutMs)}`] }
  } finally {
    stop.removeEventListener('abort', onStop)
    stopped.catch(() => undefined)
  }
}

function reasonOf (error: unknown, stop: AbortSignal, timeoutMs: number): string {
  if (stop.aborted && !isBackupError(error)) return `it gave no answer in time (${timeoutMs} ms at most)`
  return error instanceof Error ? error.message : String(error)
}

/** A verdict is what its validator says; a cosignature is what its key says. Where there is a log, only both together count. */
function checked (verdict: Verdict, { name, key }: Validator, { log }: Proposal): Verdict {
  const said = { ...verdict, validator: name }
  if (!verdict.accepts || log === undefined || key === undefined) return said
  const { cosignature, ...without } = said
  const refuse = (why: string): Verdict => ({ ...without, accepts: false, errors: [why] })
  if (cosignature === undefined) return refuse('it accepts, but gives no cosignature')
  try {
    const signature = parseSignature(cosignature.replace(/\n$/, ''))
    if (signature.name !== key.name || signature.id !== key.id) return refuse(`it gives a cosignature of ${signature.name}, not its own (${key.name})`)
    const time = verifyCosignature(parseNote(log.checkpoint).text, key, signature)
    return time !== undefined && time > 0 ? said : refuse('its cosignature is not one over the proposed checkpoint')
  } catch (error) {
    if (!isBackupError(error)) throw error
    return refuse(error.message)
  }
}
