import type { Coverage } from '../cas/check-memory.ts'
import type { Repository } from '../cas/repository.ts'
import { listViews, readNodes } from './snapshot-view.ts'
import { readCoverage } from './verify-data.ts'

export interface Stats {
  readonly snapshots: number
  readonly packs: number
  readonly blobs: number
  /** Length of all packs. */
  readonly storedBytes: number
  /** Plain bytes of the contents of all snapshots, as if each stood alone. */
  readonly restorableBytes: number
  /** Which packs were read when by verifications. */
  readonly coverage: Coverage
}

/** How much a repository holds, and how much it would give back. */
export async function statsOf (repository: Repository): Promise<Stats> {
  const views = await listViews(repository)
  let restorableBytes = 0
  for (const view of views) {
    for await (const { node } of readNodes(view, repository)) restorableBytes += node.content.size
  }
  return { snapshots: views.length, ...await repository.stats(), restorableBytes, coverage: await readCoverage(repository) }
}
