import type { Repository } from '../cas/repository.ts'
import { listViews } from './snapshot-view.ts'

/**
 * Writes the catalogue after an act that is done and durable: it is derived, so that failing to write it undoes nothing and is no failure of the act.
 */
export async function refreshCatalogue (repository: Repository): Promise<void> {
  await writeCatalogue(repository).catch(() => undefined) // the next act, or a repair, writes it
}

/** Writes `metadata/snapshots.json`: derived, for people and scripts that look without us. @throws {BackupError} `STORAGE_…` */
export async function writeCatalogue (repository: Repository): Promise<void> {
  const snapshots = (await listViews(repository, { onBroken: () => undefined })).map(({ id, root, project, timestamp, consensus, validatedBy, block }) => ({
    id, root: root.toString(), project, created: timestamp.toISOString(), description: block.description, tags: block.tags, consensus, validatedBy,
  }))
  await repository.backend.put('metadata/snapshots.json', Buffer.from(`${JSON.stringify({ format: 1, snapshots }, null, 2)}\n`))
}
