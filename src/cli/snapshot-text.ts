import type { SnapshotView } from '../engine/snapshot-view.ts'

/** Enough of an id to be unique in practice and short enough for a table. */
export function shortId (id: string): string {
  return id.slice(0, 12)
}

/** A snapshot as `--json` shows it. */
export function snapshotDocument ({ id, root, project, timestamp, consensus, validatedBy, block }: SnapshotView): Readonly<Record<string, unknown>> {
  const { description, tags, parents, traceId, generator, sources } = block
  return {
    id, root: root.toString(), project, created: timestamp.toISOString(), description, tags, parents: parents.map(String), consensus, validatedBy, traceId, generator, sources,
  }
}
