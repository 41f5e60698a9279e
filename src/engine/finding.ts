import type { Address } from '../cas/blob-store.ts'
import type { BackupErrorCode } from '../errors.ts'
import type { Place } from './place.ts'

/** An artifact of a snapshot that is hit by damage. */
export interface Affected {
  readonly snapshot: string
  /** Id of the node; `*` when it is several nodes or the snapshot itself. */
  readonly node: string
  /** Which rows, bytes or files, in words. */
  readonly detail: string
  /** The same for programs. */
  readonly place: Place
}

/** One thing that is wrong. */
export interface Finding {
  /** `warning`: nothing is lost, since another copy is intact, the thing is derived, or no snapshot needs it. */
  readonly severity: 'error' | 'warning'
  readonly code: BackupErrorCode
  readonly message: string
  /** Key of the damaged object in the storage. */
  readonly key?: string
  readonly address?: Address
  readonly affected: readonly Affected[]
}
