import type { BlobReader } from '../../cas/blob-store.ts'
import type { CID } from '../../dag/block.ts'
import { addressOf, readBlob } from '../../dag/block.ts'
import { FILE_COLUMNS, FILE_KEY } from '../../dag/file-row.ts'
import { decodeNode } from '../../dag/node.ts'
import type { NodeBlock } from '../../dag/node.ts'
import { readNodeMap } from '../../dag/node-map.ts'
import { topologicalOrder } from '../../dag/order.ts'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Faults } from './faults.ts'

export interface GraphOptions extends AbortOptions {
  readonly blobs: BlobReader
  readonly faults: Faults
}

interface SlimNode {
  readonly id: string
  readonly deps: readonly string[]
  readonly hash: string
  readonly inputHashes: readonly string[]
}

/** Looks at every node block, then at the graph they make: deps complete, no cycle, input hashes those of the deps. Returns where each node is. */
export async function verifyGraph (root: CID, { blobs, faults, signal }: GraphOptions): Promise<Map<string, CID>> {
  const nodes = new Map<string, CID>()
  const graph = new Map<string, SlimNode>()
  await faults.within('the map of nodes', async () => {
    for await (const { id, cid } of readNodeMap(root, blobs, { signal })) {
      signal?.throwIfAborted()
      nodes.set(id, cid)
      await faults.within(`node ${id}`, async () => {
        const node = decodeNode(await readBlob(blobs, cid, { signal }), cid)
        checkNodeFacts(node, id)
        graph.set(id, { id, deps: node.deps, hash: node.hash, inputHashes: node.metadata.inputHashes })
      })
    }
  })
  if (!faults.any) await faults.within('the graph', async () => { verifyEdges(graph) })
  return nodes
}

function checkNodeFacts ({ id, content, hash, metadata: { outputHashes, validationResult } }: NodeBlock, mapped: string): void {
  const invalid = (why: string): BackupError => new BackupError('NODE_INVALID', why, { data: { id } })
  if (id !== mapped) throw invalid(`the map says ${mapped} where the block says ${id}`)
  if (outputHashes.length !== 1 || outputHashes[0] !== hash) throw invalid('its output hashes are not its hash')
  if (!validationResult.isValid) throw invalid(`it was found invalid when it was made: ${validationResult.errors.join('; ')}`)
  if (content.form === 'bytes') return
  if (content.key.length > 0 && hash !== addressOf(content.root)) throw invalid('its hash is not that of the root of its rows')
  const isFolder = JSON.stringify([content.columns, content.key]) === JSON.stringify([FILE_COLUMNS, FILE_KEY])
  if (content.form === 'files' && !isFolder) throw invalid('it has not the columns and the key of a folder')
}

function verifyEdges (graph: ReadonlyMap<string, SlimNode>): void {
  topologicalOrder(graph.values())
  for (const { id, deps, inputHashes } of graph.values()) {
    const wrong = deps.find((dep, index) => graph.get(dep)!.hash !== inputHashes[index])
    if (wrong !== undefined) throw new BackupError('NODE_INVALID', `node ${id} names another input hash than its dep ${wrong} has`, { data: { id, dep: wrong } })
  }
}
