import type { Repository } from '../../../src/cas/repository.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../../src/engine/snapshot-view.ts'
import type { NodeView } from '../../../src/engine/snapshot-view.ts'
import { compareCollections } from '../../../src/sources/qdrant/compare-collections.ts'
import { connectQdrant } from '../../../src/sources/qdrant/connection.ts'
import type { Psyche } from './psyche.ts'

/** Nodes that must differ between two projects: the database's own name, and Qdrant's files, whose points are compared instead. */
const OWN = new Set(['postgres/database'])

/**
 * Captures `copy` as it is now and compares it, node by node, with the snapshot it was restored from; then point by point with the original.
 * @throws when anything differs
 */
export async function proveEqual (repository: Repository, restored: string, original: Psyche, copy: Psyche): Promise<string[]> {
  const view = await findView(repository, restored)
  const { id } = await createSnapshot(repository, { sources: copy.sources(), description: 'the copy as it is', project: `${copy.slug}-proof`, relative: view })
  const before = await loadNodes(view, repository)
  const after = await loadNodes(await findView(repository, id), repository)
  const compared = [...before.keys()].filter(nodeId => !OWN.has(nodeId) && !nodeId.startsWith('qdrant/'))
  const different = compared.filter(nodeId => !equal(before.get(nodeId), after.get(nodeId)))
  const extra = [...after.keys()].filter(nodeId => !before.has(nodeId) && !nodeId.startsWith('qdrant/'))
  if (different.length + extra.length > 0) throw new Error(`the copy differs in ${[...different, ...extra].join(', ')}`)
  const points = await comparePoints(original, copy)
  const rows = compared.map(nodeId => before.get(nodeId)?.node).filter(node => node?.artifact === 'pg.rows')
  const files = before.get('files/tree')?.node.content.count ?? 0
  return [
    `${rows.length} tables, ${rows.reduce((sum, node) => sum + (node?.content.count ?? 0), 0)} rows: equal content hashes`,
    `${compared.length - rows.length - 1} schema objects, sequences and matrices: equal hashes`,
    `${points} points: equal ids, vectors and payloads`,
    `${files} files, folders and links: equal bytes, modes and times`,
  ]
}

function equal (a: NodeView | undefined, b: NodeView | undefined): boolean {
  return a !== undefined && a.node.hash === b?.node.hash
}

async function comparePoints (original: Psyche, copy: Psyche): Promise<number> {
  const { url, apiKey } = original.qdrant
  const server = connectQdrant({ url, apiKey })
  const { equal: same, points, differences } = await compareCollections({ server, collection: original.slug }, { server, collection: copy.slug })
  if (!same) throw new Error(`the points differ: ${JSON.stringify(differences)}`)
  return points[0]
}
