import { findView, newestView } from '../engine/snapshot-view.ts'
import type { SnapshotView } from '../engine/snapshot-view.ts'
import type { Opened } from './cli.ts'

/**
 * The snapshot that a user names. `latest` is that of the configured project: what a restore preserved, or somebody imported, lies in other
 * projects. Only where the project has none, it is the newest of all.
 * @throws {BackupError} `SNAPSHOT_MISSING`, `SNAPSHOT_AMBIGUOUS`
 */
export async function findSnapshot ({ repository, config }: Pick<Opened, 'repository' | 'config'>, reference: string): Promise<SnapshotView> {
  const newest = reference === 'latest' ? await newestView(repository, config.project) : undefined
  return newest ?? await findView(repository, reference)
}
