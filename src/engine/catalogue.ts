import type { Repository } from '../cas/repository.ts'
import { listViews } from './snapshot-view.ts'

/** Writes `metadata/snapshots.json`: derived, for people and scripts that look without us. */
export async function writeCatalogue (repository: Repository): Promise<void> {
  const snapshots = (await listViews(repository, { onBroken: () => undefined })).map(({ id, root, project, timestamp, consensus, validatedBy, block }) => ({
    id, root: root.toString(), project, created: timestamp.toISOString(), description: block.description, tags: block.tags, consensus, validatedBy,
  }))
  await repository.backend.put('metadata/snapshots.json', Buffer.from(`${JSON.stringify({ format: 1, snapshots }, null, 2)}\n`))
}
