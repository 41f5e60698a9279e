import { BackupError } from '../errors.ts'
import { compareIds } from './id-order.ts'
import { MinHeap } from './min-heap.ts'

/** A node as far as the graph is concerned. */
export interface Dependent {
  readonly id: string
  /** Ids of the nodes that come before it. */
  readonly deps: readonly string[]
}

export interface OrderOptions<N> {
  /** Which of two nodes that are both ready comes first; negative for `a`. @default by id */
  readonly before?: (a: N, b: N) => number
}

/**
 * The nodes so that each comes after its deps; the same for the same nodes, in whatever order they are given.
 * @throws {BackupError} `DAG_CYCLE` with the path, `DEP_MISSING`, `NODE_DUPLICATE`.
 */
export function topologicalOrder<N extends Dependent> (nodes: Iterable<N>, { before = byId }: OrderOptions<N> = {}): N[] {
  const byName = indexNodes(nodes)
  const waiting = new Map<string, number>()
  const dependents = new Map<string, N[]>()
  const ready = new MinHeap<N>((a, b) => before(a, b) || byId(a, b))
  for (const node of byName.values()) {
    const deps = new Set(node.deps)
    for (const dep of deps) {
      if (!byName.has(dep)) throw depMissing(node.id, dep)
      const list = dependents.get(dep)
      if (list === undefined) dependents.set(dep, [node])
      else list.push(node)
    }
    waiting.set(node.id, deps.size)
    if (deps.size === 0) ready.push(node)
  }
  const ordered: N[] = []
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    ordered.push(node)
    for (const dependent of dependents.get(node.id) ?? []) {
      const left = waiting.get(dependent.id)! - 1
      waiting.set(dependent.id, left)
      if (left === 0) ready.push(dependent)
    }
  }
  if (ordered.length < byName.size) throw cycleAmong(byName, waiting)
  return ordered
}

/**
 * The named nodes and everything they depend on, in the order in which `nodes` has them.
 * @throws {BackupError} `NODE_MISSING` for an id without a node, `DEP_MISSING`, `NODE_DUPLICATE`.
 */
export function closureOf<N extends Dependent> (ids: Iterable<string>, nodes: Iterable<N>): N[] {
  const byName = indexNodes(nodes)
  const found = new Set<string>()
  const ahead: string[] = []
  for (const id of ids) {
    if (!byName.has(id)) throw new BackupError('NODE_MISSING', `there is no node ${id}`, { data: { id } })
    ahead.push(id)
  }
  for (let id = ahead.pop(); id !== undefined; id = ahead.pop()) {
    if (found.has(id)) continue
    found.add(id)
    for (const dep of byName.get(id)!.deps) {
      if (!byName.has(dep)) throw depMissing(id, dep)
      ahead.push(dep)
    }
  }
  return [...byName.values()].filter(({ id }) => found.has(id))
}

function byId (a: Dependent, b: Dependent): number {
  return compareIds(a.id, b.id)
}

function indexNodes<N extends Dependent> (nodes: Iterable<N>): Map<string, N> {
  const byName = new Map<string, N>()
  for (const node of nodes) {
    if (byName.has(node.id)) throw new BackupError('NODE_DUPLICATE', `node ${node.id} is there twice`, { data: { id: node.id } })
    byName.set(node.id, node)
  }
  return byName
}

function depMissing (id: string, dep: string): BackupError {
  return new BackupError('DEP_MISSING', `node ${id} depends on ${dep}, which is not there`, { data: { id, dep } })
}

/** So much of a circle stands in the message; all of it in the error's data. */
const MOST_SHOWN = 40

/** Every node that still waits has a dep that waits: going along these must come back somewhere. */
function cycleAmong (nodes: ReadonlyMap<string, Dependent>, waiting: ReadonlyMap<string, number>): BackupError {
  const stuck = (id: string): boolean => waiting.get(id)! > 0
  const first = [...nodes.keys()].filter(stuck).sort(compareIds)[0]!
  const seenAt = new Map<string, number>()
  const path: string[] = []
  let id = first
  while (!seenAt.has(id)) {
    seenAt.set(id, path.length)
    path.push(id)
    id = nodes.get(id)!.deps.find(stuck)!
  }
  const cycle = [...path.slice(seenAt.get(id)), id]
  const shown = cycle.length <= MOST_SHOWN ? cycle : [...cycle.slice(0, MOST_SHOWN / 2), `… ${cycle.length - MOST_SHOWN} more …`, ...cycle.slice(-MOST_SHOWN / 2)]
  return new BackupError('DAG_CYCLE', `nodes depend on each other in a circle: ${shown.join(' → ')}`, { data: { cycle } })
}
