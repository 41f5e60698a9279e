import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { NewDatabaseContext } from './restore-check-new.ts'
import { belongsTo, findDatabase, refuseForeign } from './restore-databases.ts'
import type { FoundDatabase } from './restore-databases.ts'
import { discardDatabase } from './restore-discard.ts'
import { maintenanceDatabase } from './restore-maintenance.ts'
import { visibleComment } from './restore-marker.ts'
import { switchDatabases } from './restore-switch.ts'

/** Gives the built database its name. Does nothing when that is done already. */
export async function commitDatabase (maintenance: pg.Client, context: NewDatabaseContext, options: AbortOptions = {}): Promise<void> {
  const { names, owner, settings } = context
  const restoring = await findDatabase(maintenance, names.restoring)
  if (restoring !== undefined && belongsTo(restoring, owner)) await takeName(maintenance, context, restoring, options)
  if (settings.replaced === 'drop') await dropReplaced(maintenance, context, options)
}

/** Drops the database that is being built; what somebody else made stays. */
export async function abortDatabase (maintenance: pg.Client, { names, owner, settings }: NewDatabaseContext, options: AbortOptions = {}): Promise<void> {
  const restoring = await findDatabase(maintenance, names.restoring)
  if (restoring !== undefined && belongsTo(restoring, owner)) await discardDatabase(maintenance, settings.server, restoring, options)
}

async function takeName (maintenance: pg.Client, context: NewDatabaseContext, { comment, marker }: FoundDatabase, options: AbortOptions): Promise<void> {
  const { names, owner, settings: { server, database, replace, disconnect } } = context
  if (marker?.state !== 'ready') throw new BackupError('TARGET_FAILED', `database ${names.restoring} was never finished: abort the restore and begin again`, { data: { database: names.restoring } })
  const live = await findDatabase(maintenance, names.live)
  if (live !== undefined && replace === 'refuse') throw new BackupError('TARGET_EXISTS', `database ${database} was created while it was being restored: rename it, then resume`, { data: { database } })
  if (live !== undefined) await discardOlder(maintenance, context, options)
  const helper = await server.connect(maintenanceDatabase(database), options)
  try {
    await switchDatabases(maintenance, helper, names, { owner, live, disconnect, comment: visibleComment(comment) })
  } finally {
    await server.release(helper)
  }
}

/** The one that an earlier restore replaced and kept makes room for the next. */
async function discardOlder (maintenance: pg.Client, { names, owner, settings }: NewDatabaseContext, options: AbortOptions): Promise<void> {
  const older = await findDatabase(maintenance, names.replaced)
  if (older === undefined) return
  refuseForeign(older, owner)
  await discardDatabase(maintenance, settings.server, older, options)
}

/** The restore is visible by now, so what goes wrong here is worth a note and no failure. */
async function dropReplaced (maintenance: pg.Client, { names, owner, settings }: NewDatabaseContext, options: AbortOptions): Promise<void> {
  const replaced = await findDatabase(maintenance, names.replaced)
  if (replaced?.marker?.owner !== owner) return
  try {
    await discardDatabase(maintenance, settings.server, replaced, options)
  } catch (error) {
    settings.onNote(`Database ${names.replaced}, which was replaced, could not be dropped: ${error instanceof Error ? error.message : String(error)}`)
  }
}
