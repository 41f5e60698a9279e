import type { FileContent, FileEntry, RestoreItem } from '../source.ts'
import type { DiskPlace } from './disk-place.ts'
import type { OpenFiles } from './open-files.ts'
import type { Ownership } from './ownership.ts'
import { readTree } from './read-tree.ts'

export interface ReadBackOptions {
  readonly files: OpenFiles
  /** Where the folder lies. */
  readonly disk: DiskPlace
  readonly ownership: Ownership
}

/** A restored folder as content, read as any other folder; what could not be brought back stands in it as `item` has it. */
export function readBack (root: string, item: RestoreItem, { files, disk, ownership }: ReadBackOptions): FileContent {
  return {
    form: 'files',
    async * entries (options = {}) {
      const wanted = item.entries(options)[Symbol.asyncIterator]()
      try {
        let next = await wanted.next()
        for await (const found of readTree(root, { files, disk, ...options })) {
          while (next.done !== true && isBefore(next.value, found)) next = await wanted.next()
          yield next.done !== true && next.value.path === found.path ? ownership.forgive(found, next.value) : found
        }
      } finally {
        await wanted.return?.()
      }
    },
  }
}

function isBefore (one: FileEntry, other: FileEntry): boolean {
  return one.path !== other.path && Buffer.compare(Buffer.from(one.path), Buffer.from(other.path)) < 0
}
