import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { PrepareOptions, RestoreItem } from '../source.ts'
import { postgresSource } from './postgres-source.ts'
import { buildDatabase } from './restore-build.ts'
import { factsOf } from './restore-check.ts'
import type { NewDatabaseContext } from './restore-check-new.ts'
import { createRestoring, findDatabase, refuseForeign, setMarker } from './restore-databases.ts'
import { discardDatabase } from './restore-discard.ts'
import { extensionVersions } from './restore-extensions.ts'
import { majorOf } from './restore-facts.ts'
import { partOf } from './restore-options.ts'
import type { RestorerSettings } from './restore-options.ts'
import { applyProperties, creationProperties } from './restore-properties.ts'
import { NO_RENAMING } from './restore-renaming.ts'
import { withSessions } from './restore-sessions.ts'
import type { Sessions } from './restore-sessions.ts'
import type { StatementContext } from './restore-statements.ts'
import { stagesOf } from './restore-stages.ts'
import { usefulConnections } from './restore-tables.ts'
import { TargetState } from './restore-target.ts'
import { differingContents, differingObjects, refuseDifferences } from './restore-verify.ts'
import { readServerMajor } from './server-facts.ts'

/** A capture of one database, to compare it. It leaves one connection of the budget for whoever looks at it. */
export function stateOf (database: string, { name, server, pgDump, concurrency }: RestorerSettings): TargetState {
  const connections = Math.min(1 + concurrency, server.maxConnections - 1)
  return new TargetState(postgresSource({ name, server, database, pgDump, connections, readFrom: 'primary' }))
}

/** Builds the database under its temporary name, reads it back and marks it as ready. @throws {BackupError} `TARGET_FAILED`, `TARGET_DIFFERS` naming each item that is missing or another */
export async function prepareDatabase (maintenance: pg.Client, context: NewDatabaseContext, items: readonly RestoreItem[], { signal, onItem = () => undefined }: PrepareOptions): Promise<void> {
  const { settings, names: { restoring }, owner } = context
  const facts = await factsOf(items, { signal })
  const comment = facts?.comment ?? null
  const major = await readServerMajor(maintenance)
  const statements = { renaming: NO_RENAMING, owners: settings.owners, major, extensionVersions: await extensionVersions(maintenance, facts), signal }
  const stages = stagesOf(items, facts?.order ?? [])
  await discardLeftover(maintenance, context)
  await createRestoring(maintenance, restoring, { owner, comment, properties: facts === undefined ? '' : creationProperties(maintenance, facts) })
  const differing = await withDatabase(settings, restoring, { signal, atMost: usefulConnections(stages.rows) }, async sessions => {
    const tables = await buildDatabase(sessions, stages, { ...statements, onItem })
    if (facts !== undefined) await applyProperties(maintenance, restoring, facts, settings)
    return await differingContents(sessions, tables, items, statements)
  })
  // Versions write equal definitions in different ways.
  if (facts !== undefined && majorOf(facts) === major) differing.push(...await differingInDump(items, context, statements))
  refuseDifferences(items.map(item => item.id).filter(id => differing.includes(id)))
  for (const item of items) if (item.kind === 'pg.database') onItem(item)
  await setMarker(maintenance, restoring, { owner, state: 'ready', comment })
}

async function withDatabase<T> ({ server, concurrency, maintenanceWorkMem }: RestorerSettings, database: string, { atMost, signal }: AbortOptions & { readonly atMost: number }, act: (sessions: Sessions) => Promise<T>): Promise<T> {
  const lease = await server.lease(1, { atMost: Math.min(concurrency, atMost), signal })
  try {
    return await withSessions(lease, database, { count: lease.size, maintenanceWorkMem: partOf(maintenanceWorkMem, lease.size), durable: 'at-end', signal }, act)
  } finally {
    await lease.close()
  }
}

async function differingInDump (items: readonly RestoreItem[], { settings, names }: NewDatabaseContext, statements: StatementContext): Promise<string[]> {
  const built = stateOf(names.restoring, settings)
  try {
    return await differingObjects(built, items, { ...statements, concurrency: settings.concurrency })
  } finally {
    await built.close()
  }
}

/** What an earlier restore that was cut off left behind. */
async function discardLeftover (maintenance: pg.Client, { names, owner, settings }: NewDatabaseContext): Promise<void> {
  const leftover = await findDatabase(maintenance, names.restoring)
  if (leftover === undefined) return
  refuseForeign(leftover, owner)
  await discardDatabase(maintenance, settings.server, leftover)
}
