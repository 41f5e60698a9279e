import type { Address } from '../cas/blob-store.ts'
import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { CID } from './block.ts'
import { addressOf, decodeBlock, isChunk, readBlob } from './block.ts'
import { checkNode } from './node.ts'
import { checkSnapshot } from './snapshot.ts'
import type { TreeBlock, TreeExpectation } from './tree.ts'
import { checkExpectation, checkTree, expectedBelow } from './tree.ts'
import type { BlobSource } from './tree-reader.ts'

export type VisitKind = 'snapshot' | 'tree' | 'node' | 'chunk'

/** Something that a root leads to. */
export interface Visit {
  readonly cid: CID
  readonly address: Address
  readonly kind: VisitKind
  /** What is above it, the root first: snapshots and nodes, as `snapshot <id>` and `node <id>`. */
  readonly path: readonly string[]
}

/** A block that cannot be read, and why. */
export interface BrokenVisit {
  readonly cid: CID
  readonly address: Address
  readonly path: readonly string[]
  readonly error: BackupError
}

export interface WalkOptions extends AbortOptions {
  /**
   * True leaves a blob and what is below it out; asked once for each link, so it can keep the account of what was seen.
   * @default what this walk has visited already
   */
  readonly skip?: (address: Address) => boolean
  /** Called for a block that is missing or damaged; what is below it is then left out. @default throws */
  readonly onBroken?: (broken: BrokenVisit) => void
}

interface Link {
  readonly cid: CID
  readonly path: readonly string[]
  /** What a tree must be there; any block when there is nothing. */
  readonly tree?: TreeExpectation
}

/**
 * Everything that can be reached from `roots` (snapshots, trees, nodes or chunks), each once, a block before what is
 * below it, depth first in the order of the links. Parents of snapshots are not followed; chunks are named, not read.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID` with what is above the block.
 */
export async function * walk (roots: Iterable<CID>, blobs: BlobSource, { skip = seenBefore(), onBroken = fail, signal }: WalkOptions = {}): AsyncGenerator<Visit> {
  const ahead: Link[] = Array.from(roots, cid => ({ cid, path: [] })).reverse()
  for (let link = ahead.pop(); link !== undefined; link = ahead.pop()) {
    signal?.throwIfAborted()
    const { cid, path } = link
    const address = addressOf(cid)
    if (skip(address)) continue
    if (isChunk(cid)) {
      yield { cid, address, kind: 'chunk', path }
      continue
    }
    let block
    try {
      block = openBlock(decodeBlock(await readBlob(blobs, cid, { signal })), link)
    } catch (error) {
      if (!isBackupError(error)) throw error
      onBroken({ cid, address, path, error })
      continue
    }
    yield { cid, address, kind: block.kind, path }
    for (const next of block.links.reverse()) ahead.push(next)
  }
}

/** What a block is, and its links in order. */
function openBlock (value: unknown, { cid, path, tree }: Link): { readonly kind: VisitKind, readonly links: Link[] } {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
  if (tree !== undefined || kind === 'tree') {
    const block = checkTree(value, cid)
    checkExpectation(block, cid, tree ?? { form: block.form })
    return { kind: 'tree', links: linksOf(block, path) }
  }
  if (kind === 'node') {
    const { id, content } = checkNode(value, cid)
    const { form, size, count } = content
    return { kind, links: [{ cid: content.root, path: [...path, `node ${id}`], tree: { form: form === 'bytes' ? form : 'rows', size, count } }] }
  }
  if (kind === 'snapshot') {
    const { id, nodes } = checkSnapshot(value, cid)
    return { kind, links: [{ cid: nodes, path: [...path, `snapshot ${id}`], tree: { form: 'map' } }] }
  }
  throw new BackupError('BLOCK_INVALID', `block ${cid} is neither snapshot, tree nor node`, { data: { cid: cid.toString() } })
}

function linksOf (block: TreeBlock, path: readonly string[]): Link[] {
  return block.entries.flatMap(entry => {
    const below: Link = block.level === 0 ? { cid: entry.link, path } : { cid: entry.link, path, tree: expectedBelow(block, entry) }
    return [below, ...(entry.refs ?? []).map((cid): Link => ({ cid, path, tree: { form: 'bytes' } }))]
  })
}

function seenBefore (): (address: Address) => boolean {
  const seen = new Set<Address>()
  return address => {
    if (seen.has(address)) return true
    seen.add(address)
    return false
  }
}

function fail ({ error, path }: BrokenVisit): never {
  if (path.length === 0) throw error
  throw new BackupError(error.code, `${error.message}; it belongs to ${path.join(', ')}`, { data: { ...error.data, path }, cause: error })
}
