import * as v from 'valibot'
import { closed, hexDigits } from '../shape.ts'
import type { CaptureSummary } from '../sources/source.ts'
import type { CID, EncodedBlock } from './block.ts'
import { decodeBlock, encodeBlock } from './block.ts'
import { Link, PlainObject, shapeCheck, Text, Texts } from './block-shape.ts'

/** What one source contributed, and when. */
export interface SnapshotSource extends CaptureSummary {
  readonly name: string
}

/** The root block of one moment. (format.md § Snapshot) */
export interface SnapshotBlock {
  readonly kind: 'snapshot'
  readonly v: 1
  /** 32 hex digits. */
  readonly id: string
  /** ISO 8601. */
  readonly created: string
  readonly description: string
  readonly generator: string
  /** A `map` tree of all nodes. */
  readonly nodes: CID
  readonly parents: readonly CID[]
  readonly project: string
  readonly sources: readonly SnapshotSource[]
  readonly tags: readonly string[]
  readonly traceId: string
}

const SnapshotShape = closed({
  kind: v.literal('snapshot'),
  v: v.literal(1),
  id: hexDigits(32),
  created: Text,
  description: Text,
  generator: Text,
  nodes: Link,
  parents: v.array(Link),
  project: Text,
  sources: v.array(closed({ name: Text, begin: Text, end: Text, position: v.exactOptional(Text), facts: PlainObject, notes: Texts })),
  tags: Texts,
  traceId: Text,
})

/** The snapshot that a decoded block is. @throws {BackupError} `BLOCK_INVALID`, `FORMAT_UNKNOWN` */
export const checkSnapshot: (value: unknown, cid?: CID) => SnapshotBlock = shapeCheck<SnapshotBlock>('snapshot', SnapshotShape)

/** @throws {BackupError} `BLOCK_INVALID` when a member has not the shape it must have. */
export function encodeSnapshot (snapshot: SnapshotBlock): EncodedBlock {
  return encodeBlock(checkSnapshot(snapshot))
}

/** @throws {BackupError} `BLOCK_INVALID`, `BLOB_CORRUPT`, `FORMAT_UNKNOWN` */
export function decodeSnapshot (bytes: Uint8Array, cid?: CID): SnapshotBlock {
  return checkSnapshot(decodeBlock(bytes, cid), cid)
}
