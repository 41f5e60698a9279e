import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { Connections } from './connections.ts'
import { quoteIdentifier } from './identifier.ts'
import { dropDatabase } from './restore-databases.ts'
import type { FoundDatabase } from './restore-databases.ts'

/**
 * Drops a database of ours, whoever is connected to it.
 * @param connections one more connection is needed when there are subscriptions in it
 */
export async function discardDatabase (maintenance: pg.Client, connections: Connections, { name, oid }: FoundDatabase, options: AbortOptions = {}): Promise<void> {
  const { rows: subscriptions } = await maintenance.query<{ name: string }>('SELECT subname AS name FROM pg_catalog.pg_subscription WHERE subdbid = $1', [oid])
  if (subscriptions.length > 0) await dropSubscriptions(connections, name, subscriptions.map(subscription => subscription.name), options)
  await dropDatabase(maintenance, name)
}

/** A database that has some cannot be dropped. Their slots on other servers stay: they belong to the database that was captured. */
async function dropSubscriptions (connections: Connections, database: string, subscriptions: readonly string[], options: AbortOptions): Promise<void> {
  const client = await connections.connect(database, options)
  try {
    for (const name of subscriptions.map(quoteIdentifier)) {
      await client.query(`ALTER SUBSCRIPTION ${name} DISABLE`)
      await client.query(`ALTER SUBSCRIPTION ${name} SET (slot_name = NONE)`)
      await client.query(`DROP SUBSCRIPTION ${name}`)
    }
  } finally {
    await connections.release(client)
  }
}
