import type { SnapshotView } from '../engine/snapshot-view.ts'
import { isSelfValidated, validationsOf } from '../engine/validations.ts'
import { printable } from './printable.ts'

/** Enough of an id to be unique in practice and short enough for a table. */
export function shortId (id: string): string {
  return id.slice(0, 12)
}

/** A snapshot as `--json` shows it. */
export function snapshotDocument (view: SnapshotView): Readonly<Record<string, unknown>> {
  const { id, root, project, timestamp, consensus, validatedBy, block } = view
  const { description, tags, parents, traceId, generator, sources } = block
  return {
    id, root: root.toString(), project, created: timestamp.toISOString(), description, tags, parents: parents.map(String), consensus, validatedBy, selfValidated: isSelfValidated(view), validations: validationsOf(view), traceId, generator, sources,
  }
}

/** Who vouches for a snapshot, in a word or two. */
export function validators (view: Pick<SnapshotView, 'statements' | 'validatedBy'>): string {
  return printable(`${view.validatedBy.join(', ')}${isSelfValidated(view) ? ' (self-validated)' : ''}`)
}

const CHECKED = { log: 'the log', dag: 'the graph', data: 'graph and data' } as const

/** One line for each validator: whether it accepts, where it ran, what it looked at. */
export function validationLines (view: Pick<SnapshotView, 'statements' | 'validatedBy'>): string[] {
  return validationsOf(view).map(({ validator, accepts, checked, host, self }) => {
    const where = self ? `on ${host ?? 'the same host'}, which made the snapshot` : host === undefined ? 'elsewhere' : `at ${host}`
    return printable(`${validator}: ${accepts ? `accepts, looked at ${CHECKED[checked]}` : 'does not accept'}; ${where}`)
  })
}
