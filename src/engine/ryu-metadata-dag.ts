import type { BlobReader } from '../cas/blob-store.ts'
import type { NodeBlock } from '../dag/node.ts'
import type { DAGEdge, DAGNode, MetadataDAG } from './contract.ts'
import { readNodes } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

/** The graph of one snapshot in memory, in the shape of the contract. */
export class RyuMetadataDAG implements MetadataDAG {
  readonly timestamp: Date
  readonly version: string
  readonly nodes: Record<string, DAGNode>
  readonly edges: DAGEdge[]
  readonly consensus: boolean
  readonly validatedBy: string[]

  constructor ({ timestamp, version, nodes, edges, consensus, validatedBy }: MetadataDAG) {
    this.timestamp = timestamp
    this.version = version
    this.nodes = nodes
    this.edges = edges
    this.consensus = consensus
    this.validatedBy = validatedBy
  }

  /** Reads the graph of `view`; `version` is the snapshot's root CID. */
  static async load (view: SnapshotView, blobs: BlobReader): Promise<RyuMetadataDAG> {
    const nodes: Record<string, DAGNode> = Object.create(null) as Record<string, DAGNode>
    const edges: DAGEdge[] = []
    for await (const { node } of readNodes(view, blobs)) {
      nodes[node.id] = publicNode(node)
      for (const dep of node.deps) edges.push({ from: dep, to: node.id })
    }
    return new RyuMetadataDAG({ timestamp: view.timestamp, version: view.root.toString(), nodes, edges, consensus: view.consensus, validatedBy: [...view.validatedBy] })
  }
}

function publicNode ({ id, hash, deps, metadata, status, agentId, traceId }: NodeBlock): DAGNode {
  return {
    id, hash, deps: [...deps], status, agentId, traceId,
    metadata: {
      ...metadata, inputHashes: [...metadata.inputHashes], outputHashes: [...metadata.outputHashes],
      validationResult: { isValid: metadata.validationResult.isValid, errors: [...metadata.validationResult.errors], warnings: [...metadata.validationResult.warnings] },
    },
  }
}
