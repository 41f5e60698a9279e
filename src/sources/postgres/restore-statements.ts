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
  if (type === 'SUBSCRIPTION') return statements.map(withoutSlot)
  if (type === 'EXTENSION') return statements.map(statement => withVersion(statement, extensionVersions))
  return statements
}

function isSettingOf (statement: string, name: string): boolean {
  const [first, second] = wordsOf(meaningfulTokens(statement))
  return first === 'set' && second === name
}

/**
 * A subscription comes back disabled (pg_dump sees to that) and without its slot, which still serves the database that was
 * captured: else dropping the copy would drop it.
 */
function withoutSlot (statement: string): string {
  const tokens = meaningfulTokens(statement)
  const words = wordsOf(tokens)
  if (words[0] !== 'create') return statement
  const slot = words.indexOf('slot_name')
  const value = slot < 0 || tokens[slot + 1]?.text !== '=' ? undefined : tokens[slot + 2]
  if (value !== undefined) return `${statement.slice(0, value.start)}NONE${statement.slice(value.start + value.text.length)}`
  const options = words.lastIndexOf('with')
  const open = tokens[options + 1]
  return open?.text === '(' ? `${statement.slice(0, open.start + 1)}slot_name = NONE, ${statement.slice(open.start + 1)}` : statement
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
