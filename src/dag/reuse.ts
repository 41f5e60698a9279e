import type { CID } from './block.ts'
import { addressOf, isChunk, readBlob } from './block.ts'
import type { StoreContext } from './store-context.ts'
import type { TreeEntry } from './tree.ts'
import { TreeCursor } from './tree-reader.ts'

type ReuseContext = Pick<StoreContext, 'blobs' | 'signal'>

/**
 * Makes a chunk of an earlier version part of the new one, with its values out of line. It is not read where the writer knows of a copy
 * that it may build on.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`
 */
export async function takeOverChunk ({ link, refs = [] }: TreeEntry, context: ReuseContext): Promise<void> {
  await takeOver(link, context)
  for (const value of refs) await takeOverTree(value, context)
}

/** The same for all that is below the root of a tree, or for the only chunk. */
export async function takeOverTree (root: CID, context: ReuseContext): Promise<void> {
  await takeOver(root, context)
  if (isChunk(root)) return
  const cursor = await TreeCursor.open(root, context.blobs, { signal: context.signal })
  for (let place = cursor.place; place !== undefined; place = cursor.place) {
    if (place.height > 0) {
      await takeOver(place.entry.link, context)
      await cursor.enter()
    } else {
      await takeOverChunk(place.entry, context)
      cursor.skip()
    }
  }
}

async function takeOver (cid: CID, { blobs, signal }: ReuseContext): Promise<void> {
  if (blobs.reuse?.(addressOf(cid)) === true) return
  await blobs.put(await readBlob(blobs, cid, { signal }), { kind: isChunk(cid) ? 'chunk' : 'block', signal })
}
