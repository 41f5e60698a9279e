import type { Address, BlobReader } from '../cas/blob-store.ts'
import type { Repository } from '../cas/repository.ts'
import { verifyStorage } from '../cas/verify-storage.ts'
import type { CID } from '../dag/block.ts'
import { topologicalOrder } from '../dag/order.ts'
import { walk } from '../dag/walk.ts'
import { BackupError } from '../errors.ts'
import type { BackupErrorCode } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { damageOfNode } from './affected.ts'
import type { ArtifactDamage } from './affected.ts'
import { isDamage } from './damage.ts'
import type { OnProgress } from './progress.ts'
import { listViews, readNodes } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

/** An artifact of a snapshot that is hit by damage. */
export interface Affected {
  readonly snapshot: string
  readonly node: string
  /** Which rows, bytes or files. */
  readonly detail: string
}

export interface Finding {
  /** `warning`: nothing is lost, another copy is intact or the thing is derived. */
  readonly severity: 'error' | 'warning'
  readonly code: BackupErrorCode
  readonly message: string
  /** Key of the damaged object in the storage. */
  readonly key?: string
  readonly address?: Address
  readonly affected: readonly Affected[]
}

export interface VerifyRequest extends AbortOptions {
  /**
   * `all` reads every stored byte; a number from 0 to 1 reads that share of the chunks; `none` checks only that each is listed.
   * @default 'none'
   */
  readonly readData?: 'none' | 'all' | number
  /** @default Math.random, for choosing the share */
  readonly random?: () => number
  readonly onProgress?: OnProgress | undefined
}

/**
 * Checks records, index, packs and graphs of every visible snapshot; yields what is wrong and which artifacts it hits. Changes nothing.
 * @throws {BackupError} `STORAGE_…` when it cannot go on
 */
export async function * verifyRepository (repository: Repository, request: VerifyRequest = {}): AsyncGenerator<Finding> {
  const { readData = 'none', signal } = request
  if (typeof readData === 'number' && !(readData >= 0 && readData <= 1)) throw new BackupError('INVALID_OPTION', `readData is a share from 0 to 1, not ${readData}`)
  const findings = readData === 'all' ? await storageFindings(repository, request) : []
  const views = await viewsOf(repository, findings)
  const damaged = new Set(findings.flatMap(({ address, severity }) => severity === 'error' && address !== undefined ? [address] : []))
  const hits = new Map<Address, Affected[]>()
  const broken = new Map<Address, Finding>()
  const seen = new Set<string>()
  for (const view of views) yield * verifySnapshot(view, repository, request, { damaged, hits, broken, seen })
  for (const finding of findings) yield { ...finding, affected: hits.get(finding.address ?? '') ?? [] }
  for (const [address, finding] of broken) if (!damaged.has(address)) yield { ...finding, affected: hits.get(address) ?? [] }
  signal?.throwIfAborted()
}

async function storageFindings (repository: Repository, { onProgress, signal }: VerifyRequest): Promise<Array<Omit<Finding, 'affected'>>> {
  const findings: Array<Omit<Finding, 'affected'>> = []
  const onPack = ({ packs, ofPacks }: { readonly packs: number, readonly ofPacks: number }): void => { onProgress?.({ step: 'verify', done: packs, total: ofPacks, unit: 'items' }) }
  for await (const { code, message, key, address, intactElsewhere } of verifyStorage(repository, { signal, onPack })) {
    findings.push({ severity: intactElsewhere === true || code === 'INDEX_CORRUPT' ? 'warning' : 'error', code, message, key, ...(address === undefined ? {} : { address }) })
  }
  return findings
}

/** The snapshots whose root can be read; for the others a finding is added. */
async function viewsOf (repository: Repository, findings: Array<Omit<Finding, 'affected'>>): Promise<SnapshotView[]> {
  return await listViews(repository, { onBroken: (id, error) => { findings.push({ severity: 'error', code: error.code, message: `snapshot ${id} cannot be opened: ${error.message}` }) } })
}

interface Account {
  readonly damaged: ReadonlySet<Address>
  readonly hits: Map<Address, Affected[]>
  readonly broken: Map<Address, Finding>
  /** CIDs of nodes found intact with an earlier snapshot. */
  readonly seen: Set<string>
}

async function * verifySnapshot (view: SnapshotView, blobs: BlobReader, request: VerifyRequest, account: Account): AsyncGenerator<Finding> {
  try {
    const graph: Array<{ id: string, deps: readonly string[] }> = []
    for await (const { cid, node } of readNodes(view, blobs)) {
      graph.push({ id: node.id, deps: node.deps })
      if (account.seen.has(cid.toString())) continue
      const damage = [...await sampleDamage(node.content.root, blobs, request), ...await damageOfNode(node, blobs, account.damaged, request)]
      if (damage.length === 0) account.seen.add(cid.toString())
      note(view, node.id, damage, account)
    }
    topologicalOrder(graph)
  } catch (error) {
    if (!(error instanceof BackupError) || error.code.startsWith('STORAGE_')) throw error
    yield { severity: 'error', code: error.code, message: `snapshot ${view.id}: ${error.message}`, affected: [{ snapshot: view.id, node: '*', detail: 'the graph of the snapshot' }] }
  }
}

/** Reads a share of the chunks below `root`. */
async function sampleDamage (root: CID, blobs: BlobReader, { readData, random = Math.random, signal }: VerifyRequest): Promise<ArtifactDamage[]> {
  if (typeof readData !== 'number' || readData === 0) return []
  const found: ArtifactDamage[] = []
  for await (const { address, kind } of walk([root], blobs, { signal, onBroken: () => undefined })) {
    if (kind !== 'chunk' || random() >= readData) continue
    try {
      await blobs.get(address, { signal })
    } catch (error) {
      if (!isDamage(error)) throw error
      found.push({ address, detail: error.message })
    }
  }
  return found
}

function note (view: SnapshotView, node: string, damage: readonly ArtifactDamage[], { hits, broken }: Account): void {
  for (const { address, detail } of damage) {
    const list = hits.get(address) ?? []
    list.push({ snapshot: view.id, node, detail })
    hits.set(address, list)
    if (!broken.has(address)) broken.set(address, { severity: 'error', code: 'BLOB_MISSING', message: `blob ${address} is missing or damaged`, address, affected: [] })
  }
}
