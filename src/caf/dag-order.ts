import type { CID } from '../dag/block.ts'
import { decodeBlock, isChunk } from '../dag/block.ts'
import { checkNode } from '../dag/node.ts'
import { checkSnapshot } from '../dag/snapshot.ts'
import { checkTree } from '../dag/tree.ts'
import { BackupError } from '../errors.ts'

export type BlockKind = 'snapshot' | 'tree' | 'node'

/**
 * The order of `dag.car`: a snapshot's blocks, each once, a block before what is below it, depth first in the order of the links; no chunks and
 * no parents. Who writes fetches {@link next}, who reads compares with it; both {@link open} the block and go on.
 * Holds the CIDs of the blocks passed.
 */
export class DagOrder {
  readonly #ahead: CID[]
  readonly #passed = new Set<string>()

  constructor (root: CID) {
    this.#ahead = [root]
  }

  /** The block that comes next; undefined after the last. */
  get next (): CID | undefined {
    for (let cid = this.#ahead.at(-1); cid !== undefined; cid = this.#ahead.at(-1)) {
      if (!this.#passed.has(cid.toString())) return cid
      this.#ahead.pop()
    }
    return undefined
  }

  /**
   * Passes the next block and says what it is.
   * @throws {BackupError} `BLOB_CORRUPT` when the bytes do not hash to its CID, `BLOCK_INVALID`, `TREE_INVALID`, `FORMAT_UNKNOWN`
   */
  open (bytes: Uint8Array): BlockKind {
    const cid = this.next!
    this.#ahead.pop()
    this.#passed.add(cid.toString())
    const { kind, links } = readBlock(decodeBlock(bytes, cid), cid)
    for (const link of links.reverse()) {
      if (!isChunk(link)) this.#ahead.push(link)
    }
    return kind
  }
}

function readBlock (value: unknown, cid: CID): { readonly kind: BlockKind, readonly links: CID[] } {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
  if (kind === 'tree') return { kind, links: checkTree(value, cid).entries.flatMap(({ link, refs = [] }) => [link, ...refs]) }
  if (kind === 'node') return { kind, links: [checkNode(value, cid).content.root] }
  if (kind === 'snapshot') return { kind, links: [checkSnapshot(value, cid).nodes] }
  throw new BackupError('BLOCK_INVALID', `block ${cid} is neither snapshot, tree nor node`, { data: { cid: cid.toString() } })
}
