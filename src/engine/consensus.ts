import type { CID } from 'multiformats/cid'
import type { Repository, WriterSession } from '../cas/repository.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions, Plain } from '../stream.ts'
import { openCheckpoint } from '../trust/log/checkpoint.ts'
import { formatVkey, sameKey } from '../trust/log/note-key.ts'
import { formatProof } from '../trust/log/tlog-proof.ts'
import type { TlogProof } from '../trust/log/tlog-proof.ts'
import type { Policy } from '../trust/policy/policy.ts'
import { notReached, poll } from '../trust/quorum.ts'
import type { Poll } from '../trust/quorum.ts'
import type { ProposedLeaf, Validator, Verdict } from '../trust/validator.ts'
import type { Subject } from '../trust/verify/verify-snapshot.ts'
import { validatorsOf } from './electorate.ts'
import type { Electorate } from './electorate.ts'

/** The leaf of the log that proposes the snapshot. */
export interface LoggedProposal {
  /** 32 bytes, from which local validators derive their keys; undefined for who cannot sign. */
  readonly seed: Uint8Array | undefined
  /** The leaf for validators, in the checkpoint that was made with it. */
  leaf(options?: AbortOptions): Promise<ProposedLeaf>
  /** The same leaf in the log's newest checkpoint. */
  newerLeaf(options?: AbortOptions): Promise<ProposedLeaf>
  /** The proof that the leaf stands in that checkpoint, with these signature lines added to it; they are kept with the log too. */
  prove(leaf: ProposedLeaf, cosignatures: readonly string[], options?: AbortOptions): Promise<TlogProof>
}

export interface ConsensusRequest extends Electorate, AbortOptions {
  /** Root blocks that the snapshot names as its parents. */
  readonly parents?: readonly CID[]
  /** Absent where the repository has no log. */
  readonly proposed?: LoggedProposal | undefined
}

/** What a commit record says about who agreed. */
export interface Agreement {
  readonly consensus: true
  readonly validatedBy: readonly string[]
  readonly statements: readonly Plain[]
}

/** So often a newer checkpoint is proposed because others have made the log grow meanwhile. */
const MOST_ROUNDS = 8
/** Bytes a validator reads in a millisecond at the least. */
const SLOWEST_READING = 10_000

/**
 * Lets the validators read what `writer` has flushed, through the storage, and gathers their verdicts and cosignatures.
 * @throws {BackupError} `QUORUM_NOT_REACHED` saying who said what; `INVALID_OPTION` for a quorum that cannot be reached
 */
export async function seekConsensus (repository: Repository, writer: WriterSession, root: CID, request: ConsensusRequest): Promise<Agreement> {
  const { parents = [], proposed, signal } = request
  const validators = validatorsOf(repository, request, proposed?.seed)
  const blobs = await repository.openReader({ signal })
  try {
    // A parent was visible when the session began; it may have been forgotten since. Without a key no others are known.
    const visible = repository.isWriteOnly ? [] : await repository.visible({ signal, onDamaged: () => undefined })
    const committed = new Set([...visible.map(commit => commit.root), ...parents.map(String)])
    const subject = { snapshot: writer.id, root, blobs, committed }
    const timeoutMs = request.validatorTimeoutMs ?? 60_000 + Math.ceil(bytesToRead(writer, parents) / SLOWEST_READING)
    const { poll: { validatedBy, verdicts }, leaf } = await seek(subject, validators, { ...request, timeoutMs })
    const cosignatures = verdicts.flatMap(({ accepts, cosignature }) => accepts && cosignature !== undefined ? cosignature : [])
    const proofs = leaf === undefined || proposed === undefined ? [] : [{ proof: formatProof(await proposed.prove(leaf, cosignatures, { signal })) }]
    return { consensus: true, validatedBy, statements: [...verdicts.map((verdict, index) => statementOf(verdict, validators[index])), ...proofs] }
  } finally {
    await blobs.close()
  }
}

/** About what a validator reads that has verified the parents: without any it reads what was there already, too. */
function bytesToRead ({ counters: { newBytes, presentBytes } }: WriterSession, parents: readonly CID[]): number {
  return parents.length === 0 ? newBytes + presentBytes : newBytes
}

interface SeekOptions extends ConsensusRequest {
  readonly timeoutMs: number
}

/** Asks, and again with a newer checkpoint as long as a validator has cosigned one beyond the proposed: cosignatures only add up over the same. */
async function seek (subject: Subject, validators: readonly Validator[], options: SeekOptions): Promise<{ poll: Poll, leaf: ProposedLeaf | undefined }> {
  const { proposed, policy, threshold, timeoutMs, signal } = options
  let leaf = await proposed?.leaf({ signal })
  if (policy !== undefined) checkLog(policy, leaf)
  for (let round = 1; ; round++) {
    const result = await poll(validators, { ...subject, log: leaf }, { policy, threshold, timeoutMs, signal })
    if (result.reached) return { poll: result, leaf }
    const isBehind = leaf !== undefined && result.verdicts.some(({ ahead = 0 }) => ahead > 0)
    const newer = isBehind && round < MOST_ROUNDS ? await proposed?.newerLeaf({ signal }) : undefined
    if (leaf === undefined || newer === undefined || sizeOf(newer) <= sizeOf(leaf)) throw notReached(result)
    leaf = newer
  }
}

function checkLog ({ logs }: Policy, leaf: ProposedLeaf | undefined): void {
  if (leaf === undefined) throw new BackupError('INVALID_OPTION', 'the policy counts cosignatures, but the repository has no log that could be cosigned')
  if (logs.length === 0 || logs.some(({ key }) => sameKey(key, leaf.key))) return
  throw new BackupError('CONFIG_INVALID', `the policy lists no log line with the key of this repository's log: log ${formatVkey(leaf.key)}`, { data: { log: leaf.key.name } })
}

function sizeOf ({ checkpoint, key }: ProposedLeaf): number {
  return openCheckpoint(checkpoint, key).size
}

function statementOf (verdict: Verdict, validator: Validator | undefined): Plain {
  return { ...verdict, ...(validator?.key === undefined ? {} : { key: formatVkey(validator.key) }) }
}
