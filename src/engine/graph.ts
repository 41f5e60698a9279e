import type { CID } from 'multiformats/cid'
import type { BlobReader, BlobWriter } from '../cas/blob-store.ts'
import { encodeBlock } from '../dag/block.ts'
import { encodeNode } from '../dag/node.ts'
import type { NodeBlock } from '../dag/node.ts'
import { compareIds, writeNodeMap } from '../dag/node-map.ts'
import { topologicalOrder } from '../dag/order.ts'
import type { StoredArtifact } from './capture.ts'

export interface GraphOptions {
  readonly blobs: BlobWriter & BlobReader
  readonly seed: Uint8Array
  readonly traceId: string
  /** The snapshot's description: the requirement that a new node answers to unless its artifact names one. */
  readonly description: string
  previous(id: string): Promise<{ readonly cid: CID, readonly node: NodeBlock } | undefined>
}

export interface Graph {
  /** Root of the map of nodes. */
  readonly nodes: CID
  readonly count: number
  /** How many node blocks were taken over from the parent as they were. */
  readonly unchanged: number
  readonly sizeBytes: number
}

/**
 * Writes a node block for each artifact and the map of them all.
 * @throws {BackupError} `DAG_CYCLE` with the path, `DEP_MISSING`
 */
export async function writeGraph (artifacts: readonly StoredArtifact[], options: GraphOptions): Promise<Graph> {
  topologicalOrder(artifacts)
  const hashes = new Map(artifacts.map(({ id, hash }) => [id, hash]))
  const entries: Array<readonly [string, CID]> = []
  let unchanged = 0
  for (const artifact of [...artifacts].sort((a, b) => compareIds(a.id, b.id))) {
    const node = nodeOf(artifact, artifact.deps.map(dep => hashes.get(dep) ?? ''), options)
    const previous = await options.previous(artifact.id)
    if (previous !== undefined && saysTheSame(node, previous.node)) {
      unchanged++
      entries.push([artifact.id, previous.cid])
      continue
    }
    const block = encodeNode(node)
    await options.blobs.put(block.bytes)
    entries.push([artifact.id, block.cid])
  }
  const nodes = await writeNodeMap(entries, { blobs: options.blobs, seed: options.seed })
  return { nodes, count: entries.length, unchanged, sizeBytes: artifacts.reduce((sum, { content }) => sum + content.size, 0) }
}

function nodeOf (artifact: StoredArtifact, inputHashes: string[], { traceId, description }: GraphOptions): NodeBlock {
  const { provenance = {} } = artifact
  return {
    v: 1,
    kind: 'node',
    id: artifact.id,
    artifact: artifact.kind,
    attributes: artifact.attributes,
    content: artifact.content,
    deps: artifact.deps,
    hash: artifact.hash,
    ...(artifact.recipe === undefined ? {} : { recipe: artifact.recipe }),
    status: 'completed',
    agentId: provenance.agentId ?? 'caf',
    traceId: provenance.traceId ?? traceId,
    metadata: {
      agentRole: provenance.agentRole ?? 'source',
      capability: provenance.capability ?? 'capture',
      inputHashes,
      outputHashes: [artifact.hash],
      computationTime: artifact.durationMs,
      memoryUsage: process.memoryUsage.rss(),
      validationResult: { isValid: true, errors: [], warnings: [] },
      designIntent: provenance.designIntent ?? `keep ${artifact.id} restorable`,
      userRequirement: provenance.userRequirement ?? description,
    },
  }
}

/** True if the only differences are how and when it was made: then the older block stands, and with it its place in the tree. */
function saysTheSame (a: NodeBlock, b: NodeBlock): boolean {
  return Buffer.compare(identityOf(a), identityOf(b)) === 0
}

function identityOf ({ artifact, attributes, content, deps, hash, recipe, metadata: { inputHashes } }: NodeBlock): Uint8Array {
  return encodeBlock({ artifact, attributes, content, deps, hash, recipe: recipe ?? null, inputHashes }).bytes
}
