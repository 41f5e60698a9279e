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
  const roots = new Map((await commits.visible({ signal: options.signal })).map(commit => [commit.id, { ...commit, forgotten: false }]))
  for (const [session, record] of await openSessions(backend, options)) {
    const forgotten = record.snapshots.filter(id => roots.get(id)?.forgotten !== false)
    if (forgotten.length === 0 || await revokeIfDead(backend, session, record, now)) continue
    for (const id of forgotten) {
      const commit = await commits.get(id, options)
      if (commit !== undefined) roots.set(id, { ...commit, forgotten: true })
    }
  }
  return [...roots.values()]
}
