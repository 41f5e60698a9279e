import type { Selection } from '../engine/contract.ts'
import type { SourceConfig } from './source-config.ts'

/**
 * The sources that a restore can touch: those that the snapshot holds, and of these the ones that a selection names or that what it names can
 * depend on. The others need not be reachable, and nothing of them is preserved first.
 */
export function restoreScope (sources: readonly SourceConfig[], inSnapshot: readonly string[], selection: Selection | undefined): SourceConfig[] {
  const kinds = selection === undefined ? undefined : kindsOf(selection)
  return sources.filter(({ name, kind }) => inSnapshot.includes(name) && kinds?.has(kind) !== false)
}

/** Undefined for any: a node may be of any source, and depend on any other. */
function kindsOf ({ tables, collections, matrices, files, nodes, withDependencies = true }: Selection): ReadonlySet<SourceConfig['kind']> | undefined {
  if (nodes !== undefined || (matrices !== undefined && withDependencies)) return undefined
  const named = { postgres: tables, qdrant: collections, matrices, files }
  return new Set((Object.keys(named) as Array<keyof typeof named>).filter(kind => named[kind] !== undefined))
}
