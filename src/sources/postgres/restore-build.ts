import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { loadBlobOwners, loadBlobs } from './restore-blobs.ts'
import { restoreAdditions, restoreObjects } from './restore-objects.ts'
import type { ObjectOptions } from './restore-objects.ts'
import { forItem } from './restore-error.ts'
import { loadRows, tableOf } from './restore-rows.ts'
import { sequenceOf, setPosition } from './restore-sequences.ts'
import type { Sessions } from './restore-sessions.ts'
import type { RestoreStages } from './restore-stages.ts'
import { refreshView, viewOf } from './restore-views.ts'

/** Fills an empty database. @throws {BackupError} `TARGET_FAILED` naming the item that failed */
export async function buildDatabase (sessions: Sessions, stages: RestoreStages, options: ObjectOptions): Promise<void> {
  const { first } = sessions
  await restoreObjects(first, stages.definitions, options)
  await sessions.each(largestFirst(stages.rows), async (client, item, { signal }) => {
    await loadRows(client, item, tableOf(item), { signal })
    options.onItem(item)
  })
  await restoreBlobs(sessions, stages, options)
  for (const item of stages.sequences) {
    await setPosition(first, item, sequenceOf(item), options)
    options.onItem(item)
  }
  await restoreAdditions(sessions, stages.additions, options)
  await restoreObjects(first, options.owners === 'keep' ? stages.rights : [], options)
  for (const item of stages.refreshes) {
    await forItem({ action: `refresh ${item.id}`, item: item.id }, async () => { await refreshView(first, viewOf(item)) })
    options.onItem(item)
  }
  await restoreObjects(first, stages.eventTriggers, options)
}

async function restoreBlobs ({ first }: Sessions, { blobs, blobOwners }: RestoreStages, { owners, onItem, signal }: ObjectOptions): Promise<void> {
  const abort: AbortOptions = { signal }
  for (const item of blobs) {
    await loadBlobs(first, item, abort)
    onItem(item)
  }
  for (const item of blobOwners) {
    await loadBlobOwners(first, item, { ...abort, rights: owners === 'keep' })
    onItem(item)
  }
}

/** The largest table decides how long it all takes. */
function largestFirst (items: readonly RestoreItem[]): RestoreItem[] {
  return items.toSorted((a, b) => b.sizeBytes - a.sizeBytes)
}
