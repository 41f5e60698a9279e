import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { Commits, CommittedSnapshot } from './commits.ts'
import { openSessions, revokeIfDead } from './open-sessions.ts'

/** A snapshot that must not be collected now. */
export interface Root extends CommittedSnapshot {
  /** True if only an open session keeps it. */
  readonly forgotten: boolean
}

/** The visible snapshots, and the forgotten ones that open sessions name; dead sessions that name one are revoked. */
export async function findRoots (backend: StorageBackend, commits: Commits, now: string, options: AbortOptions): Promise<Root[]> {
  // In this order: who opens a session checks after its record is stored that its snapshots are visible.
  const before = await commits.visible({ signal: options.signal })
  const held = await heldRoots(backend, commits, now, options, new Set(before.map(({ id }) => id)))
  // A writer that has ended in between no longer holds its parent: what it took over from there is its own commit's now.
  const after = await commits.visible({ signal: options.signal })
  const visible = [...before, ...after].map(commit => ({ ...commit, forgotten: false }))
  return [...new Map([...held, ...visible].map(root => [root.id, root])).values()]
}

/** What open sessions name and is not visible. */
async function heldRoots (backend: StorageBackend, commits: Commits, now: string, options: AbortOptions, visible: ReadonlySet<string>): Promise<Root[]> {
  const roots: Root[] = []
  for (const [session, record] of await openSessions(backend, options)) {
    const forgotten = record.snapshots.filter(id => !visible.has(id))
    if (forgotten.length === 0 || await revokeIfDead(backend, session, record, now)) continue
    for (const id of forgotten) {
      const commit = await commits.get(id, options)
      if (commit !== undefined) roots.push({ ...commit, forgotten: true })
    }
  }
  return roots
}
