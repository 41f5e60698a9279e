import { topologicalOrder } from '../dag/order.ts'
import type { NodeBlock } from '../dag/node.ts'
import type { ArtifactKind } from '../sources/source.ts'
import type { ArchiveContext } from './archive-context.ts'
import { bytesEntry, textOf } from './archive-context.ts'
import { DAG_PATH, writeDag } from './dag-car.ts'
import { encodeName } from './entry-names.ts'
import { graphEntries } from './graph-entries.ts'
import type { SnapshotNodes } from './snapshot-nodes.ts'
import { storageEntries, storagePaths } from './storage-entries.ts'
import type { ZipSource } from './zip-writer.ts'

const GRAPH: readonly ArtifactKind[] = ['pg.database', 'pg.object', 'pg.rows', 'pg.sequence', 'pg.blobs', 'pg.refresh']

/** Every entry of an archive but its manifest, in order. (format.md § Archive) */
export async function * archiveEntries ({ root, nodes: linked }: SnapshotNodes, context: ArchiveContext): AsyncGenerator<ZipSource> {
  const { blobs, signal } = context
  yield { path: DAG_PATH, method: 'store', read: () => writeDag(root, blobs, { signal }) }
  const nodes = topologicalOrder(linked.map(({ node }) => node))
  for (const { nodes: own, source } of bySource(nodes, GRAPH)) yield * graphEntries(own, folderOf('graph', source), context)
  yield * named(nodes, { kind: 'qdrant.collection', folder: 'vectors', name: 'collection', suffix: '.snapshot' }, context)
  yield * named(nodes, { kind: 'matrix', folder: 'matrices', name: 'name', suffix: '.npy' }, context)
  for (const { nodes: own, source } of bySource(nodes, ['files'])) {
    for (const node of own) yield * storageEntries(node, storagePaths(source), context)
  }
  yield * named(nodes, { kind: 'agent.output', folder: 'agents', name: 'output', suffix: '.json' }, context)
}

interface Named {
  readonly kind: ArtifactKind
  readonly folder: string
  /** Attribute that gives the entry its name. */
  readonly name: string
  readonly suffix: string
}

/** One entry a node. */
function * named (nodes: readonly NodeBlock[], { kind, folder, name, suffix }: Named, context: ArchiveContext): Generator<ZipSource> {
  for (const { nodes: own, source } of bySource(nodes, [kind])) {
    for (const node of own) yield bytesEntry(node, context.names.unique(`${folderOf(folder, source)}${encodeName(textOf(node, name))}`, suffix), context)
  }
}

function folderOf (folder: string, source: string | undefined): string {
  return source === undefined ? `${folder}/` : `${folder}/${source}/`
}

/** The nodes of some kinds by source; the source is named only when there is more than one. */
function bySource (nodes: readonly NodeBlock[], kinds: readonly ArtifactKind[]): { readonly nodes: NodeBlock[], readonly source: string | undefined }[] {
  const groups = Map.groupBy(nodes.filter(({ artifact }) => kinds.includes(artifact)), ({ id }) => id.slice(0, id.indexOf('/')))
  return [...groups].sort(([a], [b]) => a < b ? -1 : 1).map(([source, own]) => ({ nodes: own, source: groups.size > 1 ? source : undefined }))
}
