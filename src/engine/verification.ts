import type { CheckMemory } from '../cas/check-memory.ts'
import type { ReadAmount } from '../cas/pack-choice.ts'
import type { Repository } from '../cas/repository.ts'
import type { AbortOptions } from '../stream.ts'
import type { DamageLedger } from './damage-ledger.ts'
import type { Finding } from './finding.ts'
import type { OnProgress } from './progress.ts'
import type { BrokenSnapshot, SnapshotView } from './snapshot-view.ts'

export interface VerifyRequest extends AbortOptions {
  /**
   * How much of the stored data is read: `all`, a share from 0 to 1 of its bytes, or so many bytes: whole packs, those read longest
   * ago first; `none` checks only that each blob is listed.
   * @default 'none'
   */
  readonly readData?: 'none' | ReadAmount
  /** With `all`: goes on with a reading of all packs that was cut off, and leaves out what that has read. */
  readonly resume?: boolean | undefined
  /** @default a random UUID */
  readonly traceId?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

/** What was read, to be filled in by the stage that reads. */
export interface ReadCount {
  packs: number
  /** Length of those packs. */
  bytes: number
  /** When the reading that this run went on with began, ISO 8601. */
  since?: string
}

/** A verification under way: what all its stages share. */
export interface Verification extends AbortOptions {
  readonly repository: Repository
  readonly request: VerifyRequest
  /** The snapshots whose root can be read, the oldest first, and the others. */
  readonly views: readonly SnapshotView[]
  readonly broken: readonly BrokenSnapshot[]
  /** Damage is noted here, to be yielded at the end with all that it hits. */
  readonly ledger: DamageLedger
  readonly read: ReadCount
  /** When each pack was read. */
  readonly memory: CheckMemory
}

/** A part of a verification. Yields what it alone can know; notes damaged objects and what they hit in the ledger. */
export type Stage = (verification: Verification) => AsyncGenerator<Finding>
