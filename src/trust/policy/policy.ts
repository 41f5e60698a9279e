import type { NoteKey } from '../log/note-key.ts'

/** A log whose checkpoints count. */
export interface PolicyLog {
  readonly key: NoteKey
  readonly url?: string
}

/** A validator whose cosignature counts. */
export interface PolicyWitness {
  /** Only a name within the policy; {@link NoteKey.name} is what stands in signatures. */
  readonly name: string
  readonly key: NoteKey
  /** The prefix before `/add-checkpoint`. */
  readonly url?: string
}

/** Who must have cosigned: nobody, one witness, or `threshold` of the members of a group. */
export type QuorumRule =
  | { readonly kind: 'none' }
  | { readonly kind: 'witness', readonly witness: PolicyWitness }
  | { readonly kind: 'group', readonly name: string, readonly threshold: number, readonly members: readonly QuorumRule[] }

/** What a tlog-policy file says (C2SP tlog-policy). */
export interface Policy {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly quorum: QuorumRule
}

/** True if the keys that cosigned, whatever else they did, are enough. A key counts once: a policy names each only once. */
export function quorumReached (rule: QuorumRule, cosigners: readonly NoteKey[]): boolean {
  const votes = new Set(cosigners.map(voteOf))
  const reached = (part: QuorumRule): boolean => {
    switch (part.kind) {
      case 'none': return true
      case 'witness': return votes.has(voteOf(part.witness.key))
      case 'group': return part.members.filter(reached).length >= part.threshold
    }
  }
  return reached(rule)
}

/** The rule as a sentence's object: `2 of (x1, x2, 1 of (y1, y2))`. */
export function formatQuorum (rule: QuorumRule): string {
  switch (rule.kind) {
    case 'none': return 'nobody'
    case 'witness': return rule.witness.name
    case 'group': return `${rule.threshold} of (${rule.members.map(formatQuorum).join(', ')})`
  }
}

/** The witnesses that can contribute to the quorum. */
export function witnessesOf (rule: QuorumRule): PolicyWitness[] {
  switch (rule.kind) {
    case 'none': return []
    case 'witness': return [rule.witness]
    case 'group': return rule.members.flatMap(witnessesOf)
  }
}

/** What a key counts as: itself, whatever it is called. */
export function voteOf ({ publicKey }: NoteKey): string {
  return Buffer.from(publicKey).toString('hex')
}
