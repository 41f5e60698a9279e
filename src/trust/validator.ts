import type { NoteKey } from './log/note-key.ts'
import type { AbortOptions } from '../stream.ts'
import type { Subject } from './verify/verify-snapshot.ts'

/** A snapshot that wants to be committed. */
export interface Proposal extends Subject {
  /** Where it stands in the repository's log; absent where there is none. */
  readonly log?: ProposedLeaf | undefined
}

/** The leaf that proposes the snapshot, and a checkpoint with it. */
export interface ProposedLeaf {
  /** The log's key. */
  readonly key: NoteKey
  /** Number of the leaf. */
  readonly index: number
  /** What the leaf commits to, as JSON. */
  readonly opening: Uint8Array
  /** The signed note. */
  readonly checkpoint: string
  /** Audit path of the leaf in the checkpoint's tree. */
  readonly path: readonly Uint8Array[]
  /** Proof that the checkpoint's tree extends the one of `from` leaves. */
  consistency(from: number, options?: AbortOptions): Promise<readonly Uint8Array[]>
}

/** What a validator looked at: only that the log grows; the graph's blocks too; or these and every new chunk's bytes. */
export type Depth = 'log' | 'dag' | 'data'

export interface Verdict {
  /** Name of the validator. */
  readonly validator: string
  readonly accepts: boolean
  readonly checked: Depth
  /** Blobs that it read; 0 where that is not known. */
  readonly blobs: number
  /** Why it does not accept; empty when it does. */
  readonly errors: readonly string[]
  /** Where it ran. */
  readonly host?: string
  /** True if it ran where the snapshot was made: then it proves less. */
  readonly self?: true
  /** A signature line over the proposed checkpoint. */
  readonly cosignature?: string
  /** It has cosigned a checkpoint of this size already, which is beyond the proposed one: it needs a newer one. */
  readonly ahead?: number
}

/** Looks at a proposed snapshot on its own. Rejecting is a verdict; throwing means that it could not look. */
export interface Validator {
  /** One vote per name where there are no keys. */
  readonly name: string
  /** What it cosigns with; one vote per key. */
  readonly key?: NoteKey | undefined
  /** True if it works in this process, so that it takes as long as reading takes: no time limit is for it. */
  readonly isLocal?: boolean | undefined
  validate(proposal: Proposal, options?: AbortOptions): Promise<Verdict>
}
