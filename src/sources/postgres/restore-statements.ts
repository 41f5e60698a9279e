import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { quoteIdentifier } from './identifier.ts'
import type { Renaming } from './restore-renaming.ts'
import { isAboutRights } from './restore-roles.ts'
import { readSql, statementsOf } from './restore-sql.ts'
import { meaningfulTokens, wordsOf } from './restore-tokens.ts'
import { identifierOf } from './sql-lexer.ts'

/** What makes of an object's SQL the SQL for this target. */
export interface StatementContext extends AbortOptions {
  readonly renaming: Renaming
  readonly owners: 'keep' | 'skip'
  /** Of the target. */
  readonly major: number
  /** Version in which each extension is to be created; the server's default for others. */
  readonly extensionVersions: ReadonlyMap<string, string>
}

/** The statements that make an object in this target; none when it is left out. */
export async function statementsFor (item: RestoreItem, context: StatementContext): Promise<string[]> {
  return adapted(await readSql(item, context), item, context)
}

/** As {@link statementsFor}, of an item's text. */
export function adapted (sql: string, { attributes }: RestoreItem, { renaming, owners, major, extensionVersions }: StatementContext): string[] {
  const type = String(attributes['type'])
  const statements = statementsOf(renaming.sql(sql))
    .filter(statement => owners === 'keep' || !isAboutRights(statement))
    .filter(statement => major >= 17 || !isSettingOf(statement, 'transaction_timeout'))
  if (type === 'SUBSCRIPTION') return statements.map(statement => withoutSlot(statement, major))
  if (type === 'EXTENSION') return statements.map(statement => withVersion(statement, extensionVersions))
  return statements
}

function isSettingOf (statement: string, name: string): boolean {
  const [first, second] = wordsOf(meaningfulTokens(statement))
  return first === 'set' && second === name
}

/** Options of subscriptions that older servers do not know; pg_dump writes them all. */
const SUBSCRIPTION_OPTIONS: Readonly<Record<string, number>> = { password_required: 16, run_as_owner: 16, origin: 16, failover: 17 }

/**
 * A subscription comes back disabled (pg_dump sees to that) and without its slot, which still serves the database that was
 * captured: else dropping the copy would drop it.
 */
function withoutSlot (statement: string, major: number): string {
  const tokens = meaningfulTokens(statement)
  const words = wordsOf(tokens)
  const open = tokens[words.lastIndexOf('with') + 1]
  if (words[0] !== 'create' || open?.text !== '(') return statement
  const options = statement.slice(open.start + 1, statement.lastIndexOf(')')).split(',').map(option => option.trim())
  const kept = options.filter(option => (SUBSCRIPTION_OPTIONS[nameOf(option)] ?? 0) <= major && nameOf(option) !== 'slot_name')
  return `${statement.slice(0, open.start + 1)}${[...kept, 'slot_name = NONE'].join(', ')});`
}

/** `connect` of `connect = false` */
function nameOf (option: string): string {
  return option.split('=')[0]!.trim()
}

/** pg_dump leaves the version out, and so restores whatever is newest there. */
function withVersion (statement: string, versions: ReadonlyMap<string, string>): string {
  const tokens = meaningfulTokens(statement)
  const words = wordsOf(tokens)
  if (words[0] !== 'create' || words[1] !== 'extension') return statement
  const token = tokens[words[2] === 'if' ? 5 : 2]
  const version = token === undefined ? undefined : versions.get(identifierOf(token) ?? '')
  return version === undefined ? statement : `${statement.replace(/;\s*$/, '')} VERSION ${quoteIdentifier(version)};`
}
