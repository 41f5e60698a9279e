import type { BlobReader } from '../../cas/blob-store.ts'
import type { CID } from '../../dag/block.ts'
import { readBlob } from '../../dag/block.ts'
import type { StoredContent } from '../../dag/content.ts'
import { decodeNode } from '../../dag/node.ts'
import { readNodeMap } from '../../dag/node-map.ts'
import { decodeSnapshot } from '../../dag/snapshot.ts'
import type { SnapshotBlock } from '../../dag/snapshot.ts'
import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { Faults } from './faults.ts'
import { KnownEntries } from './known-entries.ts'
import { verifyContent } from './verify-content.ts'
import { verifyGraph } from './verify-graph.ts'

const LONGEST_DESCRIPTION = 65_536

/** A snapshot to be looked at. */
export interface Subject {
  /** The id it is, or wants to be, committed under. */
  readonly snapshot: string
  readonly root: CID
  /** Reads what was written, through the storage. */
  readonly blobs: BlobReader
  /** Root CIDs, as text, of every snapshot that was ever committed to this repository. */
  readonly committed: ReadonlySet<string>
}

export interface VerificationOptions extends AbortOptions {
  /**
   * `new` reads every chunk that no verified parent has; a number from 0 to 1 that share of the others too; `none` only asks whether they are there.
   * @default 'new'
   */
  readonly data?: 'none' | 'new' | number | undefined
  /** True for the root CID, as text, of a snapshot that was verified before: what it has is not looked at again. @default every committed one */
  readonly verified?: ((root: string) => boolean) | undefined
  /** @default Math.random, for choosing the share */
  readonly random?: (() => number) | undefined
}

export interface Verification {
  readonly checked: 'dag' | 'data'
  /** Blocks and chunks read below changed nodes. */
  readonly blobs: number
  /** What is wrong; empty when nothing is. */
  readonly errors: readonly string[]
}

/**
 * Re-verifies a snapshot from its bytes alone: every block's hash and canonical form, the graph, known parents, sums, chunks and hashes.
 * What is wrong with the snapshot is in the result.
 * @throws {BackupError} `STORAGE_…`, `SESSION_REVOKED` when it could not look; `INVALID_OPTION`
 */
export async function verifySnapshot (subject: Subject, options: VerificationOptions = {}): Promise<Verification> {
  const { data = 'new', signal } = options
  if (typeof data === 'number' && !(data >= 0 && data <= 1)) throw new BackupError('INVALID_OPTION', `the share of known chunks to read is from 0 to 1, not ${data}`)
  const faults = new Faults({ signal })
  const counted = { blobs: 0 }
  await faults.within(`snapshot ${subject.snapshot}`, async () => {
    const block = decodeSnapshot(await readBlob(subject.blobs, subject.root, { signal }), subject.root)
    checkBlock(block, subject)
    const nodes = await verifyGraph(block.nodes, { blobs: subject.blobs, faults, signal })
    if (!faults.any) await verifyContents(nodes, block, { subject, options, faults, onBlob: () => { counted.blobs++ } })
  })
  return { checked: data === 'none' ? 'dag' : 'data', blobs: counted.blobs, errors: faults.list }
}

/** An imported snapshot has the id and the parents that it had where it came from: those cannot be known here. */
function checkBlock ({ id, description, parents }: SnapshotBlock, { snapshot, committed }: Subject): void {
  if (Buffer.byteLength(description) > LONGEST_DESCRIPTION) throw new BackupError('BLOCK_INVALID', 'its description is longer than 64 KiB')
  const unknown = id === snapshot ? parents.find(parent => !committed.has(parent.toString())) : undefined
  if (unknown !== undefined) throw new BackupError('BLOCK_INVALID', `its parent ${unknown} was never committed to this repository`, { data: { parent: unknown.toString() } })
}

interface ContentsContext {
  readonly subject: Subject
  readonly options: VerificationOptions
  readonly faults: Faults
  readonly onBlob: () => void
}

async function verifyContents (nodes: ReadonlyMap<string, CID>, { parents }: SnapshotBlock, context: ContentsContext): Promise<void> {
  const { subject: { blobs, committed }, options, faults, onBlob } = context
  const { data = 'new', verified = root => committed.has(root), random = Math.random, signal } = options
  const parent = parents.find(root => verified(root.toString()))
  const before = parent === undefined ? new Map<string, CID>() : await nodesOf(parent, blobs, { signal })
  const share = data === 'new' ? 0 : data
  for (const [id, cid] of nodes) {
    const previous = before.get(id)
    if (previous !== undefined && previous.equals(cid) && (share === 'none' || share === 0)) continue
    await faults.within(`node ${id}`, async () => {
      const node = decodeNode(await readBlob(blobs, cid, { signal }), cid)
      const known = previous === undefined ? KnownEntries.none : await knownEntries(previous, node.content, blobs, { signal })
      await verifyContent(node, { blobs, known, data: share, random, onBlob, signal })
    })
  }
}

/** Where a verified parent's nodes are; empty when it cannot be read any more. */
async function nodesOf (root: CID, blobs: BlobReader, { signal }: AbortOptions): Promise<Map<string, CID>> {
  const nodes = new Map<string, CID>()
  return await unlessLost(nodes, async () => {
    const { nodes: map } = decodeSnapshot(await readBlob(blobs, root, { signal }), root)
    for await (const { id, cid } of readNodeMap(map, blobs, { signal })) nodes.set(id, cid)
    return nodes
  })
}

/** What the same node had before, if it was of the same layout: else its entries would mean something else. */
async function knownEntries (previous: CID, content: StoredContent, blobs: BlobReader, { signal }: AbortOptions): Promise<KnownEntries> {
  return await unlessLost(KnownEntries.none, async () => {
    const { content: old } = decodeNode(await readBlob(blobs, previous, { signal }), previous)
    return layoutOf(old) === layoutOf(content) ? await KnownEntries.of(old, blobs, { signal }) : KnownEntries.none
  })
}

function layoutOf (content: StoredContent): string {
  return content.form === 'bytes' ? 'bytes' : JSON.stringify([content.form, content.columns, content.key])
}

/** A parent may be forgotten and collected, or damaged: then all counts as new. */
async function unlessLost<T> (otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (isBackupError(error, 'BLOB_MISSING', 'BLOB_CORRUPT', 'PACK_CORRUPT', 'BLOCK_INVALID', 'TREE_INVALID', 'INDEX_CORRUPT')) return otherwise
    throw error
  }
}
