import type { AbortOptions } from '../../stream.ts'
import type { FileEntry, RestoreItem } from '../source.ts'
import { sameAttributes } from './compare-entries.ts'
import type { DiskPlace } from './disk-place.ts'
import type { OpenFiles } from './open-files.ts'
import type { Ownership } from './ownership.ts'
import { readTree } from './read-tree.ts'

export interface HoldsTreeOptions extends AbortOptions {
  readonly files: OpenFiles
  /** Where the folder lies. */
  readonly disk: DiskPlace
  readonly ownership: Ownership
}

/**
 * True if the folder `root`, read as any other one, holds the item's tree and nothing else; what could not be brought back is forgiven. Both come in
 * one order, so they are compared entry by entry, and of a file its bytes with what their pieces hash to.
 */
export async function holdsTree (root: string, item: RestoreItem, { files, disk, ownership, signal }: HoldsTreeOptions): Promise<boolean> {
  const wanted = item.entries({ signal })[Symbol.asyncIterator]()
  try {
    for await (const found of readTree(root, { files, disk, signal })) {
      const next = await wanted.next()
      if (next.done === true || !await isSame(ownership.forgive(found, next.value), next.value, { signal })) return false
    }
    return (await wanted.next()).done === true
  } finally {
    await wanted.return?.()
  }
}

async function isSame (found: FileEntry, wanted: FileEntry, options: AbortOptions): Promise<boolean> {
  if (found.path !== wanted.path || found.type !== wanted.type || !sameAttributes(found, wanted)) return false
  return found.read === undefined || await wanted.equals?.(found.read(options), options) === true
}
