import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import { quoteIdentifier } from './identifier.ts'
import { majorOf } from './restore-facts.ts'
import type { DatabaseFacts } from './restore-facts.ts'
import { visibleComment } from './restore-marker.ts'
import { rightsStatements } from './restore-rights.ts'

/** Settings whose value is a list of names: as one string it would be one odd name. */
const NAME_LISTS = new Set(['search_path', 'temp_tablespaces', 'session_preload_libraries', 'shared_preload_libraries', 'local_preload_libraries', 'unix_socket_directories'])

/** What CREATE DATABASE takes from the facts, as SQL; it cannot be changed later. */
export function creationProperties (client: pg.Client, { encoding, collate, ctype, localeProvider, locale, icuRules }: DatabaseFacts): string {
  const literal = (text: string): string => client.escapeLiteral(text)
  const name = localeProvider === 'icu' ? 'ICU_LOCALE' : 'BUILTIN_LOCALE'
  return [
    `ENCODING ${literal(encoding)} LC_COLLATE ${literal(collate)} LC_CTYPE ${literal(ctype)} LOCALE_PROVIDER ${localeProvider}`,
    localeProvider === 'libc' || locale === null ? '' : `${name} ${literal(locale)}`,
    typeof icuRules === 'string' ? `ICU_RULES ${literal(icuRules)}` : '',
  ].join(' ')
}

export interface PropertiesOptions {
  /** `skip` leaves the owner, the rights and the settings of roles out. */
  readonly owners: 'keep' | 'skip'
}

/** Gives `database` the settings, the owner and the rights of the facts. They hold for later connections. */
export async function applyProperties (client: pg.Client, database: string, facts: DatabaseFacts, { owners }: PropertiesOptions): Promise<void> {
  for (const setting of facts.settings) {
    if (setting.role === null || owners === 'keep') await client.query(settingStatement(client, database, setting))
  }
  if (owners === 'skip') return
  for (const statement of await rightsStatements(client, `DATABASE ${quoteIdentifier(database)}`, facts)) await client.query(statement)
}

function settingStatement (client: pg.Client, database: string, { role, name, value }: DatabaseFacts['settings'][number]): string {
  if (!/^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)*$/.test(name)) throw new BackupError('BLOCK_INVALID', `'${name}' is no name of a setting`, { data: { name } })
  const whose = role === null ? `DATABASE ${quoteIdentifier(database)}` : `ROLE ${quoteIdentifier(role)} IN DATABASE ${quoteIdentifier(database)}`
  const values = NAME_LISTS.has(name.toLowerCase()) ? namesIn(value) : [value]
  return `ALTER ${whose} SET ${name} TO ${values.map(one => client.escapeLiteral(one)).join(', ')}`
}

/** `"$user", public` → $user and public */
function namesIn (list: string): string[] {
  const names = [...list.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(?:,|$)/g)]
    .map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '')
  const filled = names.filter(name => name !== '')
  return filled.length > 0 ? filled : ['']
}

export interface ComparedProperties extends PropertiesOptions {
  /** Versions in which extensions were to be created; those of others are not compared. */
  readonly extensionVersions: ReadonlyMap<string, string>
}

/** Names of the members in which a database is not what it should be. Its own name, its roles and its objects are not looked at. */
export function differingMembers (wanted: DatabaseFacts, found: DatabaseFacts, options: ComparedProperties): string[] {
  const [left, right] = [comparable(wanted, options), comparable(found, options)]
  const sameMajor = majorOf(wanted) === majorOf(found)
  return Object.keys(left).filter(name => (name !== 'locale' || sameMajor) && JSON.stringify(left[name]) !== JSON.stringify(right[name]))
}

function comparable (facts: DatabaseFacts, { owners, extensionVersions }: ComparedProperties): Record<string, unknown> {
  const { encoding, collate, ctype, localeProvider, locale, icuRules, settings, extensions, owner, acl, comment } = facts
  const keep = owners === 'keep'
  return {
    encoding, collate, ctype, localeProvider,
    locale: [locale, icuRules ?? null], // newer servers write some in another way
    settings: settings.filter(({ role }) => keep || role === null),
    extensions: extensions.map(({ name, version, schema }) => ({ name, schema, version: extensionVersions.has(name) ? version : null })),
    comment: visibleComment(comment ?? null),
    ...(keep && { owner, acl: acl?.toSorted() ?? null }),
  }
}
