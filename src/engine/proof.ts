import type { Repository } from '../cas/repository.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { cosignaturesOf } from '../trust/log/cosignature.ts'
import { leafHash } from '../trust/log/merkle.ts'
import type { NoteKey } from '../trust/log/note-key.ts'
import { decodeOpening, leafOfOpening } from '../trust/log/opening.ts'
import type { Opening } from '../trust/log/opening.ts'
import { formatNote } from '../trust/log/signed-note.ts'
import { formatProof, parseProof, verifyProof } from '../trust/log/tlog-proof.ts'
import type { TlogProof } from '../trust/log/tlog-proof.ts'
import { formatQuorum, quorumReached } from '../trust/policy/policy.ts'
import type { Policy } from '../trust/policy/policy.ts'
import { readLog } from './open-log.ts'
import { findView } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

/**
 * The text of a `.tlog-proof` file that says that the snapshot was logged: the one of its commit record, with the validators' cosignatures; of a
 * snapshot from before there was a log a new one. Its `extra` is the opening.
 * @throws {BackupError} `SNAPSHOT_MISSING`, `LOG_CORRUPT`, `LOG_ROLLED_BACK`, `LOG_MISMATCH` when the log does not know it
 */
export async function proveSnapshot (repository: Repository, reference: string, options: AbortOptions = {}): Promise<string> {
  const view = await findView(repository, reference)
  return proofIn(view) ?? formatProof(await proveFromLog(repository, view, options))
}

/** The proof in a snapshot's commit record. */
export function proofIn ({ statements }: Pick<SnapshotView, 'statements'>): string | undefined {
  for (const statement of statements) {
    if (typeof statement === 'object' && statement !== null && 'proof' in statement && typeof statement.proof === 'string') return statement.proof
  }
  return undefined
}

async function proveFromLog (repository: Repository, view: SnapshotView, options: AbortOptions): Promise<TlogProof> {
  const log = await readLog(repository, options)
  const checkpoint = await log?.checkpoint(options)
  if (log !== undefined && checkpoint !== undefined) {
    for await (const { index, opening } of log.entries({ to: checkpoint.size, ...options })) {
      if (rootIn(opening, view.id) !== view.root.toString()) continue
      return { extra: await log.opening(index, options), index, path: await log.prove(index, checkpoint.size, options), checkpoint: formatNote(checkpoint.note) }
    }
  }
  throw new BackupError('LOG_MISMATCH', `the log does not know snapshot ${view.id}; \`caf verify\` says more`, { data: { snapshot: view.id } })
}

/** The root that an opening gives a snapshot; undefined when it is not about that one. */
export function rootIn (opening: Opening, snapshot: string): string | undefined {
  if (opening.kind === 'adopted') return opening.snapshots.find(({ id }) => id === snapshot)?.root
  return (opening.kind === 'snapshot' || opening.kind === 'committed') && opening.snapshot === snapshot ? opening.root : undefined
}

export interface ProofTrust {
  /** The key of the log; else one of the policy's. */
  readonly logKey?: NoteKey | undefined
  /** Whose cosignatures are needed. @default nobody's */
  readonly policy?: Policy | undefined
}

/** What a proof has proven. */
export interface ProvenLeaf {
  readonly opening: Opening
  readonly index: number
  readonly log: NoteKey
  readonly checkpoint: { readonly size: number, readonly root: Uint8Array }
  /** Who of the policy has cosigned, and when, in seconds since 1970. */
  readonly cosignedBy: ReadonlyArray<{ readonly name: string, readonly time: number }>
}

/**
 * Checks a `.tlog-proof` by itself, with nothing but keys that the caller holds.
 * @throws {BackupError} `PROOF_INVALID`; `QUORUM_NOT_REACHED` when the policy wants more cosignatures; `INVALID_OPTION` without any key
 */
export function checkProof (text: string, { logKey, policy }: ProofTrust): ProvenLeaf {
  const proof = parseProof(text)
  if (proof.extra === undefined) throw new BackupError('PROOF_INVALID', 'the proof does not say of what it is: it has no extra line')
  const hash = leafHash(leafOfOpening(proof.extra))
  const keys = logKey === undefined ? (policy?.logs ?? []).map(({ key }) => key) : [logKey]
  if (keys.length === 0) throw new BackupError('INVALID_OPTION', 'a proof is checked against a key that you hold: give --log-key, or a policy with a log line')
  const origin = proof.checkpoint.slice(0, proof.checkpoint.indexOf('\n'))
  const log = keys.find(({ name }) => name === origin) ?? keys[0]!
  const checkpoint = verifyProof(proof, { hash, log })
  const witnesses = policy?.witnesses ?? []
  const cosignatures = cosignaturesOf(checkpoint.note, witnesses.map(({ key }) => key))
  if (policy !== undefined && !quorumReached(policy.quorum, cosignatures.map(({ key }) => key))) {
    throw new BackupError('QUORUM_NOT_REACHED', `the checkpoint of the proof needs the cosignatures of ${formatQuorum(policy.quorum)}, and has ${cosignatures.length === 0 ? 'none of them' : `those of ${cosignatures.map(({ key }) => key.name).join(', ')}`}`)
  }
  return {
    opening: decodeOpening(proof.extra), index: proof.index, log, checkpoint: { size: checkpoint.size, root: checkpoint.root },
    cosignedBy: cosignatures.map(({ key, time }) => ({ name: key.name, time })),
  }
}
