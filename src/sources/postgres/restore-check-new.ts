import type { AbortOptions } from '../../stream.ts'
import type { Problem, RestoreItem } from '../source.ts'
import { asProblem, checkObjects, factsOf, noteVersion, problem } from './restore-check.ts'
import type { CheckContext } from './restore-check.ts'
import { belongsTo, findDatabase } from './restore-databases.ts'
import type { TargetNames } from './restore-databases.ts'
import { maintenanceDatabase } from './restore-maintenance.ts'
import type { RestorerSettings } from './restore-options.ts'
import { readServerMajor } from './server-facts.ts'

export interface NewDatabaseContext {
  readonly settings: RestorerSettings
  readonly names: TargetNames
  readonly owner: string
}

/** What speaks against building a new database. */
export async function checkNewDatabase (items: readonly RestoreItem[], context: NewDatabaseContext, options: AbortOptions = {}): Promise<Problem[]> {
  const { server } = context.settings
  try {
    const client = await server.connect(maintenanceDatabase(context.names.live), options)
    try {
      const full = { ...context, client, major: await readServerMajor(client), facts: await factsOf(items, options) }
      noteVersion(full)
      return [...await checkNames(full), ...await checkRights(full), ...await checkLocale(full), ...await checkObjects(items, full, options)]
    } finally {
      await server.release(client)
    }
  } catch (error) {
    return [asProblem(error)]
  }
}

type Context = CheckContext & NewDatabaseContext

async function checkNames ({ client, names, owner, settings: { replace, replaced, database } }: Context): Promise<Problem[]> {
  const live = await findDatabase(client, names.live)
  const foreign = [await findDatabase(client, names.restoring), replace === 'swap' ? await findDatabase(client, names.replaced) : undefined]
    .flatMap(found => found === undefined || belongsTo(found, owner) ? [] : problem('TARGET_EXISTS', `database ${found.name} stands where the restore has to work, and was not made by it: rename or drop it`, { database: found.name }))
  if (live === undefined) return foreign
  if (replace === 'refuse') return [...foreign, problem('TARGET_EXISTS', `database ${database} exists: restore under another name, in place, or let it be replaced`, { database })]
  return [...foreign, ...replaced === 'drop' ? await checkDroppable({ client, database }) : []]
}

/** These outlive every disconnection and keep a database from being dropped. */
async function checkDroppable ({ client, database }: Pick<CheckContext, 'client'> & { readonly database: string }): Promise<Problem[]> {
  const { rows } = await client.query<{ what: string }>(`
    SELECT format('replication slot %s', slot_name) AS what FROM pg_catalog.pg_replication_slots WHERE database = $1
    UNION ALL SELECT format('subscription %s', subname) FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = $1 AND s.subslotname IS NOT NULL
    UNION ALL SELECT format('prepared transaction %s', gid) FROM pg_catalog.pg_prepared_xacts WHERE database = $1 ORDER BY 1`, [database])
  const what = rows.map(row => row.what)
  return what.length === 0 ? [] : [problem('TARGET_EXISTS', `database ${database} cannot be replaced while it has ${what.join(', ')}: end those, or keep the replaced database`, { database, what })]
}

async function checkRights ({ client, names, settings: { replace } }: Context): Promise<Problem[]> {
  const { rows: [row] } = await client.query<{ create: boolean, owns: boolean }>(`
    SELECT rolsuper OR rolcreatedb AS create, coalesce((SELECT pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = $1), true) AS owns
    FROM pg_catalog.pg_roles WHERE rolname = current_user`, [names.live])
  if (row?.create !== true) return [problem('SOURCE_DENIED', 'the connecting user may not create databases: give it CREATEDB')]
  if (replace === 'swap' && !row.owns) return [problem('SOURCE_DENIED', `the connecting user does not own database ${names.live} and so cannot replace it`)]
  return []
}

const BUILTIN_LOCALES_SINCE = 17

async function checkLocale ({ client, major, facts }: Context): Promise<Problem[]> {
  if (facts === undefined) return []
  const { localeProvider, collate, ctype } = facts
  if (localeProvider === 'builtin' && major < BUILTIN_LOCALES_SINCE) return [problem('SOURCE_UNSUPPORTED', `the backup's database uses the built-in locale provider, which PostgreSQL ${major} does not have`)]
  if (localeProvider === 'icu' && !await hasCollation(client, "collprovider = 'i'")) return [problem('SOURCE_UNSUPPORTED', "the backup's database uses ICU locales, and the server was built without ICU")]
  const missing: string[] = []
  for (const locale of new Set([collate, ctype])) if (!await hasLocale(client, locale)) missing.push(locale)
  return missing.length === 0 ? [] : [problem('SOURCE_UNSUPPORTED', `the server does not know the locale ${missing.join(' and ')}: install it in its operating system, then SELECT pg_import_system_collations('pg_catalog')`, { locales: missing })]
}

/** As it is spelled, or with the encoding spelled in another way: en_US.UTF-8 is en_US.utf8. */
async function hasLocale (client: Context['client'], locale: string): Promise<boolean> {
  const spelling = (column: string): string => `lower(replace(${column}, '-', ''))`
  return /^(C|POSIX)(\..*)?$/.test(locale) || await hasCollation(client, `${spelling('collcollate')} = ${spelling('$1')}`, [locale]) ||
    (await client.query(`SELECT FROM pg_catalog.pg_database WHERE ${spelling('$1')} IN (${spelling('datcollate')}, ${spelling('datctype')})`, [locale])).rows.length > 0
}

async function hasCollation (client: Context['client'], condition: string, values: readonly string[] = []): Promise<boolean> {
  return (await client.query(`SELECT FROM pg_catalog.pg_collation WHERE ${condition} LIMIT 1`, [...values])).rows.length > 0
}
