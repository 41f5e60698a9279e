import { isUnreadable } from '../cas/blob-fetcher.ts'
import type { Address } from '../cas/blob-store.ts'
import type { Repository } from '../cas/repository.ts'
import type { StorageFinding } from '../cas/verify-storage.ts'
import { findNode } from '../dag/node-map.ts'
import type { NodeBlock } from '../dag/node.ts'
import type { AbortOptions } from '../stream.ts'
import { isDamage } from './damage.ts'
import { DamageLedger } from './damage-ledger.ts'
import type { Finding } from './finding.ts'
import { readNode, readViews } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'
import { verifyGraphs } from './verify-graphs.ts'

/** What is lost at a moment, and what that hits. */
export interface DamageSurvey {
  /** Blobs to be healed: those that snapshots miss, and damaged ones that are bases of others or that nobody misses yet. */
  readonly wanted: Set<Address>
  /** Losses and what they hit, with what is wrong in the graphs themselves. */
  readonly findings: readonly Finding[]
  /** The artifacts that are hit and whose nodes can be read, once each with every different content. */
  readonly nodes: readonly HitNode[]
}

export interface HitNode {
  readonly view: SnapshotView
  readonly node: NodeBlock
}

export interface SurveyOptions extends AbortOptions {
  /** Copies that were found damaged. */
  readonly damaged: readonly StorageFinding[]
  /** True for blobs that count as there. */
  readonly isThere: (address: Address) => boolean
}

/** Looks which of the damaged copies are a loss, and what the snapshots miss. Reads blocks, and the damaged blobs. */
export async function surveyDamage (repository: Repository, { damaged, isThere, signal }: SurveyOptions): Promise<DamageSurvey> {
  const { views, broken } = await readViews(repository)
  const ledger = new DamageLedger()
  for (const finding of damaged) {
    if (finding.address !== undefined && !await isReadable(repository, finding.address, { signal })) ledger.noteStored({ ...finding, intactElsewhere: false })
  }
  const findings = await Array.fromAsync(verifyGraphs({ repository, views, broken, ledger, isThere, signal }))
  findings.push(...[...ledger.findings()].filter(({ severity }) => severity === 'error'))
  return { wanted: new Set([...ledger.lost, ...ledger.missed]), findings, nodes: await hitNodes(repository, views, findings) }
}

/** True if some copy of the blob, as it is stored now, is intact. */
export async function isReadable (repository: Repository, address: Address, { signal }: AbortOptions = {}): Promise<boolean> {
  for (const copy of repository.copies(address)) {
    try {
      await repository.fetcher.read(address, copy, wanted => repository.copies(wanted), { signal })
      return true
    } catch (error) {
      if (!isUnreadable(error)) throw error
    }
  }
  return false
}

async function hitNodes (repository: Repository, views: readonly SnapshotView[], findings: readonly Finding[]): Promise<HitNode[]> {
  const found = new Map<string, HitNode>()
  const hits = new Map(findings.flatMap(({ affected }) => affected).map(hit => [`${hit.snapshot} ${hit.node}`, hit]))
  for (const { snapshot, node: id } of hits.values()) {
    const view = views.find(one => one.id === snapshot)
    if (view === undefined || id === '*') continue
    try {
      const cid = await findNode(view.block.nodes, id, repository)
      if (cid !== undefined && !found.has(cid.toString())) found.set(cid.toString(), { view, node: await readNode(repository, cid, id) })
    } catch (error) {
      if (!isDamage(error)) throw error
    }
  }
  return [...found.values()]
}
