import type { Address } from '../cas/blob-store.ts'
import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { CID } from './block.ts'
import { addressOf, blockCid, chunkCid, decodeBlock, isChunk, readBlob } from './block.ts'
import type { Leaf } from './leaf-scan.ts'
import { scanLeaf } from './leaf-scan.ts'
import type { PackedLinks } from './links.ts'
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
  readonly skip?: (address: Address, isChunk: boolean) => boolean
  /** Called for a block that is missing or damaged; what is below it is then left out. @default throws */
  readonly onBroken?: (broken: BrokenVisit) => void
}

interface Link {
  readonly address: Address
  readonly isChunk: boolean
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
  const ahead: Link[] = Array.from(roots, cid => linkTo(cid, [])).reverse()
  for (let link = ahead.pop(); link !== undefined; link = ahead.pop()) {
    signal?.throwIfAborted()
    const { address, path } = link
    if (skip(address, link.isChunk)) continue
    if (link.isChunk) {
      yield { cid: chunkCid(address), address, kind: 'chunk', path }
      continue
    }
    const cid = blockCid(address)
    let block
    try {
      block = openBlock(await readBlob(blobs, cid, { signal }), cid, link)
    } catch (error) {
      if (!isBackupError(error)) throw error
      onBroken({ cid, address, path, error })
      continue
    }
    yield { cid, address, kind: block.kind, path }
    for (const next of block.links.reverse()) ahead.push(next)
  }
}

/** @throws {BackupError} `BLOCK_INVALID` when it is no CID of ours */
function linkTo (cid: CID, path: readonly string[], tree?: TreeExpectation): Link {
  return { address: addressOf(cid), isChunk: isChunk(cid), path, ...(tree === undefined ? {} : { tree }) }
}

interface OpenedBlock {
  readonly kind: VisitKind
  /** In order. */
  readonly links: Link[]
}

function openBlock (bytes: Uint8Array, cid: CID, link: Link): OpenedBlock {
  const leaf = scanLeaf(bytes)
  return leaf === undefined ? openDecoded(decodeBlock(bytes), cid, link) : openLeaf(leaf, cid, link)
}

/** Most blocks: their links come without an object for each part. */
function openLeaf (leaf: Leaf, cid: CID, { path, tree = { form: leaf.form } }: Link): OpenedBlock {
  checkExpectation(leaf, cid, tree)
  const links: Link[] = []
  for (const { link, refs } of leaf.entries) {
    addLinks(links, link, path)
    if (refs !== undefined) addLinks(links, refs, path)
  }
  return { kind: 'tree', links }
}

function addLinks (links: Link[], packed: PackedLinks, path: readonly string[]): void {
  for (let i = 0; i < packed.length; i++) {
    const address = packed.addressAt(i)
    links.push(packed.isChunkAt(i) ? { address, isChunk: true, path } : { address, isChunk: false, path, tree: VALUE })
  }
}

/** A value out of line. */
const VALUE: TreeExpectation = { form: 'bytes' }

function openDecoded (value: unknown, cid: CID, { path, tree }: Link): OpenedBlock {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
  if (tree !== undefined || kind === 'tree') {
    const block = checkTree(value, cid)
    checkExpectation(block, cid, tree ?? { form: block.form })
    return { kind: 'tree', links: linksOf(block, path) }
  }
  if (kind === 'node') {
    const { id, content } = checkNode(value, cid)
    const { form, size, count } = content
    return { kind, links: [linkTo(content.root, [...path, `node ${id}`], { form: form === 'bytes' ? form : 'rows', size, count })] }
  }
  if (kind === 'snapshot') {
    const { id, nodes } = checkSnapshot(value, cid)
    return { kind, links: [linkTo(nodes, [...path, `snapshot ${id}`], { form: 'map' })] }
  }
  throw new BackupError('BLOCK_INVALID', `block ${cid} is neither snapshot, tree nor node`, { data: { cid: cid.toString() } })
}

function linksOf (block: TreeBlock, path: readonly string[]): Link[] {
  return block.entries.flatMap(entry => [
    linkTo(entry.link, path, block.level === 0 ? undefined : expectedBelow(block, entry)),
    ...Array.from(entry.refs ?? [], cid => linkTo(cid, path, VALUE)),
  ])
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
