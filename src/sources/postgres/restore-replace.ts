import type pg from 'pg'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { quoteIdentifier, quoteQualified } from './identifier.ts'
import { forItem } from './restore-error.ts'
import { targetColumns } from './restore-read-back.ts'
import { loadRows } from './restore-rows.ts'
import type { TableName } from './restore-rows.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
const NOT_IN_PREREQUISITE_STATE = '55000'

/**
 * Keeps triggers, foreign keys among them, from acting on what the transaction changes from here on.
 * @throws {BackupError} `SOURCE_DENIED` when the user may not
 */
export async function silenceTriggers (client: pg.Client): Promise<void> {
  try {
    await client.query('SET LOCAL session_replication_role = replica')
  } catch (cause) {
    if (systemCode(cause) !== INSUFFICIENT_PRIVILEGE) throw cause
    throw new BackupError('SOURCE_DENIED', `${MAY_NOT_SILENCE}; nothing was changed`, { cause })
  }
}

export const MAY_NOT_SILENCE = 'the connecting user may not silence triggers and foreign keys, without which rows cannot be replaced table by table: ' +
  'GRANT SET ON PARAMETER session_replication_role TO it, connect as superuser, or restore into a new database'

export async function wakeTriggers (client: pg.Client): Promise<void> {
  await client.query('SET LOCAL session_replication_role = origin')
}

/** Lets nobody else change the tables until the transaction ends; they can still be read. All at once, so that two restores do not wait for each other. */
export async function lockTables (client: pg.Client, tables: readonly TableName[], { timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
  if (tables.length === 0) return
  const names = tables.map(({ schema, name }) => `ONLY ${quoteQualified(schema, name)}`).toSorted()
  await client.query(`SET LOCAL lock_timeout = ${timeoutMs}`)
  await forItem({ action: `lock ${tables.length} tables within ${timeoutMs} ms` }, async () => { await client.query(`LOCK TABLE ${names.join(', ')} IN SHARE ROW EXCLUSIVE MODE`) })
}

/** Puts the item's rows in the place of those in `table`. Triggers have to be silent. */
export async function replaceRows (client: pg.Client, item: RestoreItem, table: TableName, options: AbortOptions = {}): Promise<void> {
  await forItem({ action: `replace ${item.id}`, item: item.id }, async () => {
    const loud = await loudRules(client, table)
    for (const { off } of loud) await client.query(off)
    await removeRows(client, table)
    await loadRows(client, item, table, options)
    for (const { on } of loud) await client.query(on)
  })
}

/** Others can read the old rows until the transaction ends, unless nothing but TRUNCATE does: for tables that are published without an identity of their rows. */
async function removeRows (client: pg.Client, table: TableName): Promise<void> {
  const name = quoteQualified(table.schema, table.name)
  const { condition = '' } = await targetColumns(client, table) ?? {}
  await client.query('SAVEPOINT before_delete')
  try {
    await client.query(`DELETE FROM ONLY ${name} ${condition}`)
  } catch (error) {
    if (systemCode(error) !== NOT_IN_PREREQUISITE_STATE) throw error
    await client.query('ROLLBACK TO SAVEPOINT before_delete')
    await client.query(`TRUNCATE ONLY ${name}`)
  }
  await client.query('RELEASE SAVEPOINT before_delete')
}

interface Switch {
  readonly off: string
  readonly on: string
}

/** Triggers and rules that act in a replica too. */
async function loudRules (client: pg.Client, { schema, name }: TableName): Promise<Switch[]> {
  const table = quoteQualified(schema, name)
  const { rows } = await client.query<{ kind: string, name: string, mode: string }>(`
    SELECT 'TRIGGER' AS kind, tgname AS name, tgenabled AS mode FROM pg_catalog.pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgenabled IN ('A', 'R')
    UNION ALL SELECT 'RULE', rulename, ev_enabled FROM pg_catalog.pg_rewrite WHERE ev_class = $1::regclass AND ev_enabled IN ('A', 'R')`, [table])
  return rows.map(({ kind, name: what, mode }) => ({
    off: `ALTER TABLE ONLY ${table} DISABLE ${kind} ${quoteIdentifier(what)}`,
    on: `ALTER TABLE ONLY ${table} ENABLE ${mode === 'A' ? 'ALWAYS' : 'REPLICA'} ${kind} ${quoteIdentifier(what)}`,
  }))
}
