import type { AbortOptions } from '../stream.ts'
import type { CID } from './block.ts'
import { skipEqual } from './skip-equal.ts'
import type { BlobSource } from './tree-reader.ts'
import { TreeCursor } from './tree-reader.ts'

export { countRowChanges, diffRows } from './row-diff.ts'
export type { RowChange, RowChangeCounts } from './row-diff.ts'

/** A node that is not the same in two snapshots. */
export interface NodeChange {
  readonly change: 'added' | 'removed' | 'changed'
  readonly id: string
  readonly before?: CID
  readonly after?: CID
}

/** What differs between two node maps, in ascending order of the ids. Reads only where they differ. */
export async function * diffNodes (before: CID, after: CID, blobs: BlobSource, options: AbortOptions = {}): AsyncGenerator<NodeChange> {
  const a = await TreeCursor.open(before, blobs, { ...options, form: 'map' })
  const b = await TreeCursor.open(after, blobs, { ...options, form: 'map' })
  while (await skipEqual(a, b)) {
    const [left, right] = [await a.leaf(), await b.leaf()]
    const order = left === undefined ? 1 : right === undefined ? -1 : Buffer.compare(left.key!, right.key!)
    if (order <= 0) a.skip()
    if (order >= 0) b.skip()
    if (order < 0) yield { change: 'removed', id: idOf(left!.key!), before: left!.link }
    else if (order > 0) yield { change: 'added', id: idOf(right!.key!), after: right!.link }
    else if (!left!.link.equals(right!.link)) yield { change: 'changed', id: idOf(left!.key!), before: left!.link, after: right!.link }
  }
}

function idOf (key: Uint8Array): string {
  return Buffer.from(key).toString('utf8')
}
