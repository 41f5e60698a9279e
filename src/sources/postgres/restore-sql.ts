import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import { collect } from '../../stream.ts'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { foreignStatement } from './restore-guard.ts'
import { forItem } from './restore-error.ts'
import { meaningfulTokens } from './restore-tokens.ts'
import { sqlStatements } from './sql-lexer.ts'

/** Longer than any function body that a server takes in one message with pleasure. */
const LONGEST_SQL = 256 * 1024 * 1024

export async function readSql (item: Pick<RestoreItem, 'read'>, options: AbortOptions = {}): Promise<string> {
  return Buffer.from(await collect(item.read(options), { limit: LONGEST_SQL })).toString()
}

/** The statements of SQL text that do something. */
export function statementsOf (sql: string): string[] {
  return [...sqlStatements(sql)].filter(statement => meaningfulTokens(statement).length > 0)
}

/** @throws {BackupError} `SOURCE_UNSUPPORTED` when one of the statements is none of a schema object's, see {@link foreignStatement} */
function refuseForeignSql (item: RestoreItem, statements: readonly string[]): void {
  for (const statement of statements) {
    const reason = foreignStatement(statement)
    if (reason !== undefined) throw new BackupError('SOURCE_UNSUPPORTED', `${item.id} holds SQL that is not run: ${reason}`, { data: { item: item.id, statement: statement.trim().slice(0, 200) } })
  }
}

/**
 * Runs an object's statements, each by itself.
 * @throws {BackupError} `TARGET_FAILED` naming the item; `SOURCE_UNSUPPORTED` before the first when one is refused
 */
export async function runStatements (client: pg.Client, item: RestoreItem, statements: readonly string[]): Promise<void> {
  refuseForeignSql(item, statements)
  for (const statement of statements) await forItem({ action: `restore ${item.id}`, item: item.id }, async () => { await runOne(client, statement) })
}

/** In the extended protocol: whatever the text is, the server takes it as one statement or not at all. */
async function runOne (client: pg.Client, statement: string): Promise<void> {
  await client.query({ text: statement, queryMode: 'extended' } as pg.QueryConfig)
}
