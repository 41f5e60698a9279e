import { readFile } from 'node:fs/promises'
import { BackupError, systemCode } from '../errors.ts'
import type { Electorate } from '../engine/electorate.ts'
import { logOrigin } from '../engine/open-log.ts'
import { parsePolicy } from '../trust/policy/parse-policy.ts'
import { formatQuorum, quorumReached } from '../trust/policy/policy.ts'
import type { Policy, PolicyWitness } from '../trust/policy/policy.ts'
import { remoteValidator } from '../trust/remote-validator.ts'

/** Who is asked about new snapshots, as configured. */
export interface ConsensusConfig {
  /** A tlog-policy file. */
  readonly policy: string | undefined
  readonly timeoutMs: number | undefined
  /** Names of witnesses that look at nothing but the log. */
  readonly logOnly: readonly string[]
}

/**
 * Reads the policy and makes the validators that it has a URL of; without a policy it is one local validator. Asks nobody yet.
 * @throws {BackupError} `CONFIG_INVALID` for a policy that is none, or whose quorum nobody here could reach
 */
export async function openElectorate ({ policy: file, timeoutMs: validatorTimeoutMs, logOnly }: ConsensusConfig, repository: Parameters<typeof logOrigin>[0]): Promise<Electorate> {
  if (file === undefined) return { validatorTimeoutMs }
  const policy = await readPolicy(file)
  const unknown = logOnly.find(name => !policy.witnesses.some(witness => witness.name === name))
  if (unknown !== undefined) throw new BackupError('CONFIG_INVALID', `consensus.logOnly names ${unknown}, which is no witness of ${file}`, { data: { witness: unknown } })
  const isLocal = ({ key }: PolicyWitness): boolean => key.name.startsWith(`${logOrigin(repository)}/`)
  const able = policy.witnesses.filter(witness => !logOnly.includes(witness.name) && (witness.url !== undefined || isLocal(witness)))
  if (!quorumReached(policy.quorum, able.map(({ key }) => key))) {
    throw new BackupError('CONFIG_INVALID', `${file}: its quorum, ${formatQuorum(policy.quorum)}, can never be reached: a witness that counts needs a URL at the end of its line, and must look at more than the log`, { data: { file } })
  }
  const remote = policy.witnesses.flatMap(({ name, key, url }) => url === undefined ? [] : remoteValidator({ name, key, url, checks: logOnly.includes(name) ? 'log' : 'data' }))
  return { policy, validators: remote, validatorTimeoutMs }
}

/** Reads a tlog-policy file. @throws {BackupError} `CONFIG_INVALID` */
export async function readPolicy (file: string): Promise<Policy> {
  try {
    return parsePolicy(await readFile(file), file)
  } catch (error) {
    if (error instanceof BackupError) throw error
    throw new BackupError('CONFIG_INVALID', `cannot read the policy ${file}: ${systemCode(error) ?? String(error)}`, { data: { file }, cause: error })
  }
}
