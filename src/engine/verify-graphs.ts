import type { Address } from '../cas/blob-store.ts'
import { addressOf } from '../dag/block.ts'
import type { CID } from '../dag/block.ts'
import { topologicalOrder } from '../dag/order.ts'
import { TreeCheck } from '../dag/tree-check.ts'
import type { Span } from '../dag/tree-check.ts'
import { BackupError, isBackupError } from '../errors.ts'
import { damageOfNode, nounOf } from './affected.ts'
import { isDamage } from './damage.ts'
import type { Affected, Finding } from './finding.ts'
import { placeText } from './place.ts'
import type { Noun, Place } from './place.ts'
import { readNode } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'
import type { Verification } from './verification.ts'

interface GraphRun extends Pick<Verification, 'repository' | 'views' | 'broken' | 'ledger' | 'signal'> {
  /** True for blobs that count as there, though they are not listed. */
  readonly isThere?: (address: Address) => boolean
}

/**
 * Walks every snapshot down to its chunks, past what is broken, and notes in the ledger what each lost blob hits. Reads blocks alone, each
 * tree once; of the chunks it asks whether they are listed and not known to be damaged.
 */
export async function * verifyGraphs (run: GraphRun): AsyncGenerator<Finding> {
  const { repository, ledger, signal, isThere = () => false } = run
  const isLost = (address: Address): boolean => ledger.lost.has(address) || !(repository.hasSync(address) || isThere(address))
  const check = new TreeCheck({ blobs: repository, isLost, signal })
  for (const { id, root, error } of run.broken) {
    ledger.noteHit(addressOf(root), { snapshot: id, node: '*', detail: 'the whole snapshot', place: {} }, new BackupError(error.code, `snapshot ${id} cannot be opened: ${error.message}`, { data: error.data, cause: error }))
  }
  for (const view of run.views) {
    try {
      await verifyGraph(view, check, run)
    } catch (error) {
      if (!(error instanceof BackupError) || error.code.startsWith('STORAGE_')) throw error
      yield { severity: 'error', code: error.code, message: `snapshot ${view.id}: ${error.message}`, affected: [{ snapshot: view.id, node: '*', detail: 'the graph of the snapshot', place: {} }] }
    }
  }
}

async function verifyGraph (view: SnapshotView, check: TreeCheck, { repository, ledger, signal }: GraphRun): Promise<void> {
  const nodes: Array<{ readonly id: string, readonly cid: CID }> = []
  let whole = true
  for await (const { address, span, error } of check.nodes(view.block.nodes, (id, cid) => { nodes.push({ id, cid }) })) {
    whole = false
    ledger.noteHit(address, affected(view, '*', placeOfIds(span), 'node'), error)
  }
  const graph: Array<{ readonly id: string, readonly deps: readonly string[] }> = []
  for (const { id, cid } of nodes) {
    try {
      const node = await readNode(repository, cid, id)
      graph.push({ id: node.id, deps: node.deps })
      for await (const { address, place, error } of damageOfNode(node, check, { blobs: repository, signal })) ledger.noteHit(address, affected(view, id, place, nounOf(node.content)), error)
    } catch (error) {
      if (!isDamage(error) && !isBackupError(error, 'INDEX_CORRUPT')) throw error
      whole = false
      ledger.noteHit(addressOf(cid), affected(view, id, {}, 'node'), error)
    }
  }
  if (whole) topologicalOrder(graph)
}

function affected ({ id: snapshot }: SnapshotView, node: string, place: Place, noun: Noun): Affected {
  return { snapshot, node, detail: placeText(place, noun), place }
}

function placeOfIds ({ before, count, key, nextKey }: Span): Place {
  const text = (id: Uint8Array): string[] => [Buffer.from(id).toString('utf8')]
  if (count === 0 || key === undefined) return {}
  return { rows: { first: before + 1, last: before + count }, from: text(key), ...(nextKey === undefined ? {} : { before: text(nextKey) }) }
}
