import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { BackupError, systemCode } from '../../errors.ts'
import { quoteIdentifier } from './identifier.ts'
import { setComment, setMarker } from './restore-databases.ts'
import type { FoundDatabase, TargetNames } from './restore-databases.ts'

const OBJECT_IN_USE = '55006'
const TERMINATE_EVERY_MS = 50

export interface SwitchOptions {
  readonly owner: string
  /** What the restored database gets. */
  readonly comment: string | null
  /** The database that has the name now. */
  readonly live: FoundDatabase | undefined
  /** True: whoever is connected to the live database is thrown out. False: then it is not touched. */
  readonly disconnect: boolean
}

/**
 * Gives the restored database its name, and the one that had it the name of a replaced one, in one transaction.
 * @param helper a second connection, from which others are disconnected while the first one waits for that
 * @throws {BackupError} `TARGET_FAILED` naming who is connected; nothing has changed then
 */
export async function switchDatabases (client: pg.Client, helper: pg.Client, names: TargetNames, options: SwitchOptions): Promise<void> {
  const { live, disconnect } = options
  const cleared = [names.restoring, ...(live !== undefined && disconnect ? [names.live] : [])]
  await client.query('BEGIN')
  try {
    await whileDisconnecting(helper, cleared, async () => { await rename(client, names, options) })
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    if (systemCode(error) !== OBJECT_IN_USE) throw error
    throw await inUse(client, names, error)
  }
}

/** A rename locks out newcomers and then waits up to 5 seconds for those who are connected. */
async function rename (client: pg.Client, { live, restoring, replaced }: TargetNames, { owner, comment, live: found }: SwitchOptions): Promise<void> {
  if (found !== undefined) {
    await setMarker(client, live, { owner, state: 'replaced', comment: found.comment })
    await client.query(`ALTER DATABASE ${quoteIdentifier(live)} RENAME TO ${quoteIdentifier(replaced)}`)
  }
  await setComment(client, restoring, comment)
  await client.query(`ALTER DATABASE ${quoteIdentifier(restoring)} RENAME TO ${quoteIdentifier(live)}`)
}

async function whileDisconnecting (helper: pg.Client, databases: readonly string[], act: () => Promise<void>): Promise<void> {
  const acting = act()
  const done = acting.then(() => true, () => true)
  do {
    await helper.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY ($1) AND pid <> pg_backend_pid()', [databases])
  } while (!await Promise.race([done, delay(TERMINATE_EVERY_MS, false)]))
  await acting
}

async function inUse (client: pg.Client, { live }: TargetNames, cause: unknown): Promise<BackupError> {
  const { rows } = await client.query<{ who: string }>(`
    SELECT format('%s (%s, process %s)', usename, coalesce(nullif(application_name, ''), 'no name'), pid) AS who
    FROM pg_stat_activity WHERE datname = $1 ORDER BY pid`, [live])
  const connected = rows.map(row => row.who)
  const who = connected.length > 0 ? `connected are ${connected.join(', ')}` : String(cause instanceof Error && 'detail' in cause ? cause.detail : 'it has open prepared transactions')
  return new BackupError('TARGET_FAILED', `database ${live} is in use and was left as it is: ${who}. End those connections, or restore with \`disconnect\``, { cause, data: { database: live, connected } })
}
