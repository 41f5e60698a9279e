import type { TreeCursor } from './tree-reader.ts'

/**
 * Moves both cursors over what is equal at both, as whole subtrees where that is possible. False when both are at their ends.
 * Only when both stand at the beginning of what has not been compared.
 */
export async function skipEqual (a: TreeCursor, b: TreeCursor): Promise<boolean> {
  while (a.place !== undefined && b.place !== undefined) {
    if (a.place.entry.link.equals(b.place.entry.link) && a.place.height === b.place.height) {
      a.skip()
      b.skip()
    } else if (a.place.height === 0 && b.place.height === 0) return true
    else await (a.place.height >= b.place.height ? a : b).enter() // the higher one goes down
  }
  return a.place !== undefined || b.place !== undefined
}
