import type pg from 'pg'
import PQueue from 'p-queue'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { readDatabaseFacts } from './catalog-database.ts'
import { holdsBlobs, isAboutOwners } from './restore-blobs.ts'
import { sameArtifact } from './restore-comparison.ts'
import { checkFacts, readFacts } from './restore-facts.ts'
import type { Job } from './restore-jobs.ts'
import { differingMembers } from './restore-properties.ts'
import { sequenceMatches, sequenceOf } from './restore-sequences.ts'
import type { Sessions } from './restore-sessions.ts'
import type { StatementContext } from './restore-statements.ts'
import type { RestoredTable } from './restore-table.ts'
import type { TargetState } from './restore-target.ts'

/** Reads back everything but definitions from a finished database; returns the ids of the items that it does not hold. */
export async function differingContents (sessions: Sessions, tables: readonly RestoredTable[], items: readonly RestoreItem[], context: StatementContext): Promise<string[]> {
  const differing: string[] = []
  const comparing = (id: string, holds: (client: pg.Client, options: AbortOptions) => Promise<boolean>): Job => ({
    after: [], alone: [],
    run: async (client, options) => { if (!await holds(client, options)) differing.push(id) },
  })
  await sessions.run([
    ...tables.map(table => comparing(table.item.id, async (client, options) => await table.holdsItem(client, options))),
    ...items.map(item => comparing(item.id, async (client, options) => await holdsContent(client, item, { ...context, ...options }))),
  ])
  return differing
}

/** True of what has no content of its own, or is compared elsewhere. */
async function holdsContent (client: pg.Client, item: RestoreItem, context: StatementContext): Promise<boolean> {
  switch (item.kind) {
    case 'pg.sequence': return await sequenceMatches(client, item, sequenceOf(item), context)
    case 'pg.blobs': return (context.owners === 'skip' && isAboutOwners(item)) || await holdsBlobs(client, item, context)
    case 'pg.database': return differingMembers(await readFacts(item, context), checkFacts(await readDatabaseFacts(client, []), item.id), context).length === 0
    default: return true
  }
}

/** Compares the definitions, which only a pg_dump of the target shows; returns the ids of the items that it does not have like that. */
export async function differingObjects (target: TargetState, items: readonly RestoreItem[], { concurrency, ...context }: StatementContext & { readonly concurrency: number }): Promise<string[]> {
  const differing: string[] = []
  const queue = new PQueue({ concurrency })
  try {
    await queue.addAll(items.filter(item => item.kind === 'pg.object').map(item => async () => {
      if (!await sameArtifact(item, await target.artifact(item.id, context), context)) differing.push(item.id)
    }))
  } finally {
    queue.clear()
    await queue.onIdle()
  }
  return differing
}

/** @throws {BackupError} `TARGET_DIFFERS` when there are any */
export function refuseDifferences (ids: readonly string[]): void {
  if (ids.length === 0) return
  const listed = ids.length > 10 ? `${ids.slice(0, 10).join(', ')} and ${ids.length - 10} more` : ids.join(', ')
  throw new BackupError('TARGET_DIFFERS', `what was read back from the target is not what was stored: ${listed}`, { data: { items: ids } })
}
