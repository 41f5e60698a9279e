import type { CID } from 'multiformats/cid'
import type { Address, BlobReader } from '../cas/blob-store.ts'
import type { AbortOptions } from '../stream.ts'

/** A snapshot that wants to be committed. */
export interface Proposal {
  readonly root: CID
  /** Reads what was written, through the storage, not through a cache of the writer. */
  readonly blobs: BlobReader
  /** True for blobs that came with this snapshot; the others were checked with an earlier one. */
  isNew(address: Address): boolean
}

/** What a validator looked at: the graph's blocks, or these and every new chunk's bytes. */
export type Depth = 'dag' | 'data'

export interface Verdict {
  /** Name of the validator; one vote per name. */
  readonly validator: string
  readonly accepts: boolean
  readonly checked: Depth
  readonly blobs: number
  /** Why it does not accept; empty when it does. */
  readonly errors: readonly string[]
}

/** Looks at a proposed snapshot on its own. Rejecting is a verdict; throwing means that it could not look. */
export interface Validator {
  readonly name: string
  validate(proposal: Proposal, options?: AbortOptions): Promise<Verdict>
}
