import { BackupError, isBackupError } from '../errors.ts'
import type { BlobReader } from '../cas/blob-store.ts'
import type { Repository } from '../cas/repository.ts'
import { topologicalOrder } from '../dag/order.ts'
import type { NodeBlock } from '../dag/node.ts'
import { walk } from '../dag/walk.ts'
import type { Problem, RestoreItem, Restorer } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import { forEachBounded } from './bounded.ts'
import type { RegenerationPolicy } from './contract.ts'
import type { OnProgress } from './progress.ts'
import { isDamage } from './damage.ts'
import { recompute } from './recipes.ts'
import type { RecipeRunner } from './recipes.ts'
import { nodeDamaged, restoreItem } from './restore-item.ts'
import { selectNodes } from './selection.ts'
import { loadNodes } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

export const DEFAULT_POLICY: RegenerationPolicy = {
  strategy: 'incremental', validateBeforeRestore: true, preserveHistory: true, maxSnapshots: 10, ttlDays: 30,
}

export interface PlanOptions extends AbortOptions {
  readonly restorers: readonly Restorer[]
  readonly policy: RegenerationPolicy
  readonly recipes: readonly RecipeRunner[]
  readonly concurrency: number
  readonly onProgress?: OnProgress | undefined
  /** With false, damaged nodes are planned for recomputing and left as they are. */
  readonly heal: boolean
}

export interface RestoreStep {
  readonly item: RestoreItem
  readonly restorer: Restorer
  readonly action: 'restore' | 'skip'
  /** True if its stored bytes were lost and could be made again. */
  readonly recomputed: boolean
}

export interface RestorePlan {
  readonly snapshot: SnapshotView
  /** In the order in which they come back. */
  readonly steps: readonly RestoreStep[]
  /** Ids of agents' outputs that are left out, since nobody here takes them. */
  readonly omitted: readonly string[]
  /** What speaks against it; nothing has been touched yet. */
  readonly problems: readonly Problem[]
  readonly rows: number
  readonly sizeBytes: number
}

/**
 * Says what a restore of `snapshot` would do, in which order, and what speaks against it. Touches no target.
 * @throws {BackupError} `SELECTION_EMPTY`; `INVALID_OPTION` when a chosen artifact has no target; `NODE_INVALID` when stored bytes are damaged and cannot be made again
 */
export async function planRestore (repository: Repository, snapshot: SnapshotView, blobs: BlobReader, options: PlanOptions): Promise<RestorePlan> {
  const nodes = new Map([...await loadNodes(snapshot, blobs)].map(([id, { node }]) => [id, node]))
  const { placed, omitted } = placeable(chosenInOrder(nodes, options.policy), options)
  const context: PlanContext = {
    ...options, repository, nodes, blobs,
    item: id => restoreItem(need(nodes, id), { blobs, ...repository.config }),
  }
  const pairs = placed.map(node => ({ node, item: context.item(node.id), restorer: restorerOf(node, options.restorers) }))
  const held = await letGo(options.restorers, async () => await heldItems(pairs, context))
  const wanted = pairs.filter(({ node }) => !held.has(node.id))
  const checked = wanted.filter(({ node, restorer }) => options.policy.validateBeforeRestore && needsCheck(node, restorer, options))
  const recomputed = await checkContents(checked.map(({ node }) => node), context)
  const steps = pairs.map(({ item, restorer }) => ({ item, restorer, action: held.has(item.id) ? 'skip' as const : 'restore' as const, recomputed: recomputed.has(item.id) }))
  return {
    snapshot, steps, omitted, problems: await letGo(options.restorers, async () => await findProblems(steps, options)),
    rows: wanted.reduce((sum, { item }) => sum + item.rows, 0), sizeBytes: wanted.reduce((sum, { item }) => sum + item.sizeBytes, 0),
  }
}

/** Frees what `act` made the restorers open: looking at a target may hold its whole budget of connections, and locks. */
async function letGo<T> (restorers: readonly Restorer[], act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } finally {
    await Promise.all(restorers.map(async restorer => { await restorer.close() }))
  }
}

interface PlanContext extends PlanOptions {
  readonly repository: Repository
  readonly nodes: ReadonlyMap<string, NodeBlock>
  readonly blobs: BlobReader
  item(id: string): RestoreItem
}

function need (nodes: ReadonlyMap<string, NodeBlock>, id: string): NodeBlock {
  const node = nodes.get(id)
  if (node === undefined) throw new BackupError('NODE_MISSING', `the snapshot has no node ${id}`, { data: { id } })
  return node
}

function chosenInOrder (nodes: ReadonlyMap<string, NodeBlock>, { strategy, select }: RegenerationPolicy): NodeBlock[] {
  const chosen = strategy === 'selective' ? selectNodes(nodes, select ?? {}) : new Set(nodes.keys())
  const subset = [...chosen].map(id => ({ id, deps: need(nodes, id).deps.filter(dep => chosen.has(dep)) }))
  return topologicalOrder(subset).map(({ id }) => need(nodes, id))
}

/** Outputs go back to the program that made them; where that is not the caller, a whole restore goes without. */
function placeable (nodes: readonly NodeBlock[], { restorers, policy }: PlanOptions): { placed: NodeBlock[], omitted: string[] } {
  const isOmitted = ({ id, artifact }: NodeBlock): boolean => artifact === 'agent.output' && policy.strategy !== 'selective' && !restorers.some(({ name }) => id.startsWith(`${name}/`))
  return { placed: nodes.filter(node => !isOmitted(node)), omitted: nodes.filter(isOmitted).map(({ id }) => id) }
}

function restorerOf ({ id }: NodeBlock, restorers: readonly Restorer[]): Restorer {
  const name = id.slice(0, id.indexOf('/'))
  const restorer = restorers.find(one => one.name === name)
  if (restorer === undefined) {
    throw new BackupError('INVALID_OPTION', `${id} comes from the source ${name}, for which no target is configured; configure one, or restore selectively`, { data: { source: name } })
  }
  return restorer
}

interface Pair {
  readonly node: NodeBlock
  readonly item: RestoreItem
  readonly restorer: Restorer
}

async function heldItems (pairs: readonly Pair[], { policy, concurrency, signal }: PlanContext): Promise<ReadonlySet<string>> {
  const held = new Set<string>()
  if (policy.strategy === 'full') return held
  await forEachBounded(pairs, { concurrency, signal }, async ({ item, restorer }) => {
    if (await holds(item, restorer, signal)) held.add(item.id)
  })
  return held
}

/** False when what is stored is damaged, so that nobody can tell. */
async function holds (item: RestoreItem, restorer: Restorer, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return await restorer.holds(item, { signal })
  } catch (error) {
    if (isDamage(error) || isBackupError(error, 'NODE_INVALID')) return false
    throw error
  }
}

/** What is made anew when it is lost, and what a target would have begun to change when it shows; the rest is checked while it is restored. */
function needsCheck ({ recipe }: NodeBlock, { isAside = false }: Restorer, { heal }: PlanOptions): boolean {
  return recipe !== undefined || !isAside || !heal
}

/** Reads every stored byte of `nodes`; what is damaged is made again where a recipe can. Returns the ids of those. */
async function checkContents (nodes: readonly NodeBlock[], context: PlanContext): Promise<ReadonlySet<string>> {
  const recomputed = new Set<string>()
  let done = 0
  for (const node of nodes) { // in topological order, so that a recipe's deps have been checked before it
    const damage = await damageOf(node, context)
    if (damage !== undefined) {
      await heal(node, damage, context)
      recomputed.add(node.id)
    }
    done += node.content.size
    context.onProgress?.({ step: 'validate', item: node.id, done, unit: 'bytes' })
  }
  return recomputed
}

async function damageOf (node: NodeBlock, { blobs, signal }: PlanContext): Promise<BackupError | undefined> {
  try {
    for await (const { address, kind } of walk([node.content.root], blobs, { skip: () => false, signal })) {
      if (kind === 'chunk' && await blobs.get(address) === undefined) return new BackupError('BLOB_MISSING', `blob ${address} is in no pack`, { data: { address } })
    }
    return undefined
  } catch (error) {
    if (isDamage(error)) return error
    throw error
  }
}

async function heal (node: NodeBlock, damage: BackupError, context: PlanContext): Promise<void> {
  if (node.recipe === undefined) throw nodeDamaged(node, damage)
  if (context.heal) await recompute(context.repository, node, context)
}

async function findProblems (steps: readonly RestoreStep[], { restorers, signal }: PlanOptions): Promise<Problem[]> {
  const problems: Problem[] = []
  for (const restorer of restorers) {
    const items = itemsOf(steps, restorer)
    if (items.length > 0) problems.push(...await restorer.check(items, { signal }))
  }
  return problems
}

/** The items that `restorer` has to bring back, in order. */
export function itemsOf (steps: readonly RestoreStep[], restorer: Restorer): RestoreItem[] {
  return steps.filter(step => step.restorer === restorer && step.action === 'restore').map(step => step.item)
}
