import type pg from 'pg'
import { isBackupError } from '../../errors.ts'
import type { AbortOptions, Plain } from '../../stream.ts'
import type { Problem, RestoreItem } from '../source.ts'
import { majorOf, readFacts } from './restore-facts.ts'
import type { DatabaseFacts } from './restore-facts.ts'
import { foreignStatement } from './restore-guard.ts'
import type { RestorerSettings } from './restore-options.ts'
import { rightsHolders } from './restore-rights.ts'
import { neededRoles } from './restore-roles.ts'
import { readSql, statementsOf } from './restore-sql.ts'
import { meaningfulTokens, wordsOf } from './restore-tokens.ts'
import { identifierOf } from './sql-lexer.ts'

/** Everything that both kinds of restore check. */
export interface CheckContext {
  readonly client: pg.Client
  readonly major: number
  readonly facts: DatabaseFacts | undefined
  readonly settings: RestorerSettings
}

export function problem (code: Problem['code'], message: string, data: Readonly<Record<string, Plain>> = {}): Problem {
  return { code, message, data }
}

/** The facts of the `pg.database` among the items. */
export async function factsOf (items: readonly RestoreItem[], options: AbortOptions = {}): Promise<DatabaseFacts | undefined> {
  const item = items.find(one => one.kind === 'pg.database')
  return item === undefined ? undefined : await readFacts(item, options)
}

const CONNECTING = ['SOURCE_UNREACHABLE', 'SOURCE_AUTH', 'SOURCE_DENIED'] as const

/** What keeps a check from looking is itself a reason; every other error is thrown on. */
export function asProblem (error: unknown): Problem {
  if (isBackupError(error, 'SOURCE_VERSION')) return problem('TARGET_VERSION', error.message, { major: Number(error.data['major']) })
  if (isBackupError(error, 'SOURCE_MISSING')) return problem('INVALID_OPTION', `${error.message}; to restore into a new database use mode create`)
  const code = CONNECTING.find(one => isBackupError(error, one))
  if (code === undefined || !(error instanceof Error)) throw error
  return problem(code, error.message)
}

/** Tells what follows from another version; that the target's is supported was seen before. */
export function noteVersion ({ major, facts, settings: { server, onNote } }: CheckContext): void {
  const captured = facts === undefined ? major : majorOf(facts)
  if (captured > major) onNote(`The backup is of PostgreSQL ${captured}, ${server.location} is ${major}: objects that use what only the newer one has will fail.`)
  if (captured !== major) onNote(`The backup is of PostgreSQL ${captured}, ${server.location} is ${major}: rows are compared after the restore, definitions are not, because versions write them differently.`)
}

/** Roles, extensions, and SQL that will not be run. */
export async function checkObjects (items: readonly RestoreItem[], context: CheckContext, options: AbortOptions = {}): Promise<Problem[]> {
  const statements: string[] = []
  const problems: Problem[] = []
  for (const item of items.filter(one => one.kind === 'pg.object')) {
    for (const statement of statementsOf(await readSql(item, options))) {
      const reason = foreignStatement(statement)
      if (reason !== undefined) problems.push(problem('SOURCE_UNSUPPORTED', `${item.id} holds SQL that is not run: ${reason}`, { item: item.id }))
      statements.push(statement)
    }
    if (item.attributes['type'] === 'SUBSCRIPTION') noteSubscription(item, context)
  }
  return [...problems, ...await checkRoles(statements, context), ...await checkExtensions(statements, context)]
}

function noteSubscription ({ attributes }: RestoreItem, { settings: { onNote } }: CheckContext): void {
  onNote(`Subscription ${String(attributes['tag'])} comes back disabled and without its replication slot, which the captured database may still use; to go on from there: ALTER SUBSCRIPTION … SET (slot_name = …), then ENABLE.`)
}

async function checkRoles (statements: readonly string[], { client, facts, settings: { owners } }: CheckContext): Promise<Problem[]> {
  const needed = neededRoles(statements)
  const ofDatabase = facts === undefined ? [] : [facts.owner, ...facts.settings.flatMap(({ role }) => role ?? []), ...rightsHolders(facts.acl ?? [])]
  const all = new Set(owners === 'keep' ? [...needed.owners, ...needed.grantees, ...needed.named, ...ofDatabase] : needed.named)
  const { rows } = await client.query<{ name: string }>('SELECT wanted AS name FROM unnest($1::text[]) AS wanted WHERE wanted NOT IN (SELECT rolname FROM pg_catalog.pg_roles) ORDER BY wanted COLLATE "C"', [[...all]])
  if (rows.length === 0) return await checkMemberships([...needed.owners], { client, owners })
  const missing = rows.map(({ name }) => name)
  const commands = missing.map(name => createRole(client, name, facts))
  const way = missing.some(name => needed.named.has(name)) ? '' : ', or leave owners and rights out'
  return [problem('ROLE_MISSING', `roles that the backup names do not exist here: ${missing.join(', ')}. Create them (passwords are not in a backup)${way}:\n${commands.join('\n')}`, { roles: missing, commands })]
}

/** Who is not superuser gives away only to roles that it belongs to. */
async function checkMemberships (roles: readonly string[], { client, owners }: { readonly client: pg.Client, readonly owners: RestorerSettings['owners'] }): Promise<Problem[]> {
  if (owners === 'skip') return []
  const { rows } = await client.query<{ name: string }>("SELECT wanted AS name FROM unnest($1::text[]) AS wanted WHERE NOT pg_has_role(wanted, 'MEMBER') ORDER BY wanted COLLATE \"C\"", [roles])
  if (rows.length === 0) return []
  const names = rows.map(({ name }) => name)
  return [problem('SOURCE_DENIED', `the connecting user is no member of ${names.join(', ')} and so cannot give them what they owned: grant it those roles, connect as superuser, or leave owners and rights out`, { roles: names })]
}

const ROLE_OPTIONS: Readonly<Record<string, string>> = {
  superuser: 'SUPERUSER', createRole: 'CREATEROLE', createDatabase: 'CREATEDB', login: 'LOGIN', replication: 'REPLICATION', bypassRls: 'BYPASSRLS',
}

function createRole (client: pg.Client, name: string, facts: DatabaseFacts | undefined): string {
  const attributes = facts?.roles.find(role => role.name === name)?.attributes ?? {}
  const options = Object.entries(ROLE_OPTIONS).filter(([attribute]) => attributes[attribute] === true).map(([, option]) => ` ${option}`)
  return `CREATE ROLE ${client.escapeIdentifier(name)}${options.join('')}${attributes['inherit'] === false ? ' NOINHERIT' : ''};`
}

async function checkExtensions (statements: readonly string[], { client, facts, settings: { onNote } }: CheckContext): Promise<Problem[]> {
  const wanted = statements.flatMap(createdExtension)
  const { rows } = await client.query<{ name: string, default: string | null, versions: string[] }>(`
    SELECT wanted AS name, a.default_version AS default, ARRAY(SELECT v.version FROM pg_catalog.pg_available_extension_versions v WHERE v.name = wanted) AS versions
    FROM unnest($1::text[]) AS wanted LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = wanted`, [wanted])
  for (const { name, default: version, versions } of rows) {
    const captured = facts?.extensions.find(extension => extension.name === name)?.version
    if (version !== null && captured !== undefined && !versions.includes(captured)) onNote(`Extension ${name} ${captured} is not available on the target: ${version} is taken.`)
  }
  const missing = rows.filter(row => row.default === null).map(({ name }) => name)
  return missing.length === 0 ? [] : [problem('EXTENSION_MISSING', `extensions that the backup needs are not installed on that server: ${missing.join(', ')}. Install their packages there`, { extensions: missing })]
}

function createdExtension (statement: string): string[] {
  const tokens = meaningfulTokens(statement)
  const words = wordsOf(tokens)
  const token = tokens[words[2] === 'if' ? 5 : 2]
  const name = words[0] === 'create' && words[1] === 'extension' && token !== undefined ? identifierOf(token) : undefined
  return name === undefined ? [] : [name]
}
