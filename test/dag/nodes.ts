import type { CID } from '../../src/dag/block.ts'
import { chunkCid } from '../../src/dag/block.ts'
import type { NodeBlock } from '../../src/dag/node.ts'
import type { SnapshotBlock } from '../../src/dag/snapshot.ts'

const HASH = '0123456789abcdef'.repeat(4)

/** A node with all that must be there. */
export function nodeOf (id: string, { deps = [], ...changes }: Partial<NodeBlock> = {}): NodeBlock {
  return {
    kind: 'node', v: 1, id, artifact: 'agent.output', attributes: {}, deps, hash: HASH, status: 'completed', agentId: '', traceId: '',
    content: { form: 'bytes', root: chunkCid(HASH), size: 5, count: 0 },
    metadata: {
      agentRole: '', capability: '', computationTime: 1.5, designIntent: '', inputHashes: deps.map(() => HASH), memoryUsage: 0, outputHashes: [HASH], userRequirement: '',
      validationResult: { isValid: true, errors: [], warnings: [] },
    },
    ...changes,
  }
}

/** A snapshot with all that must be there. */
export function snapshotOf (nodes: CID, changes: Partial<SnapshotBlock> = {}): SnapshotBlock {
  return {
    kind: 'snapshot', v: 1, id: '0123456789abcdef'.repeat(2), created: '2026-01-01T00:00:00.000Z', description: '', generator: 'caf/0.1.0', nodes, parents: [], project: 'p', sources: [], tags: [], traceId: '',
    ...changes,
  }
}
