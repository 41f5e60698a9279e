import { meaningfulTokens } from './restore-tokens.ts'
import { identifierOf } from './sql-lexer.ts'
import type { SqlToken } from './sql-lexer.ts'

/** Kinds of statements of which pg_dump's schema objects are made. */
const STARTS = new Set(['create', 'alter', 'comment', 'grant', 'revoke', 'security', 'set', 'reset'])

/** What CREATE, ALTER, COMMENT ON and SECURITY LABEL … ON must not be about: it lies outside of the database. */
const OUTSIDE = new Set(['database', 'role', 'user', 'group', 'tablespace', 'system'])

/** What pg_dump sets between objects. */
const SETTINGS = new Set(['default_tablespace', 'default_table_access_method', 'transaction_timeout'])

/**
 * Why a statement cannot stem from pg_dump's text of a schema object; undefined when it can.
 *
 * What comes out of an archive is not trusted to be what its name says. Statements run one by one in the extended protocol, where the server itself
 * refuses a second one, and only those that define, describe or grant something within the database are let through. So an archive cannot copy from or
 * to files and programs of the server by COPY, use psql's commands, end the restore's transaction, change roles, memberships, other databases or the server's
 * settings, or open connections by CREATE SUBSCRIPTION.
 *
 * That does not make it harmless: expressions and functions that an archive defines run with the rights of the connecting user when rows are loaded,
 * indexes built, constraints checked and views refreshed, as they do with pg_restore. Restore what you do not trust as a user who is not superuser.
 */
export function foreignStatement (statement: string): string | undefined {
  const tokens = meaningfulTokens(statement)
  const words = tokens.map(({ kind, text }) => kind === 'word' ? text.toLowerCase() : kind === 'symbol' ? text : '')
  const [start = '', second = ''] = words
  if (words.includes('\\')) return 'psql commands are refused'
  if (!STARTS.has(start)) return `${start.toUpperCase() || 'an empty statement'} does not define an object`
  if (start === 'set' || start === 'reset') return foreignSetting(tokens)
  if (start === 'grant' || start === 'revoke') return foreignGrant(words)
  if (start === 'create' && second === 'subscription' && !/\bconnect = false\b/.test(words.join(' '))) return 'a subscription that connects at once is refused'
  const object = start === 'comment' || start === 'security' ? words[words.indexOf('on') + 1] ?? '' : second
  const mapping = object === 'user' && words[words.indexOf('user') + 1] === 'mapping'
  return OUTSIDE.has(object) && !mapping ? `${start.toUpperCase()} ${object.toUpperCase()} reaches beyond the database` : undefined
}

function foreignSetting (tokens: readonly SqlToken[]): string | undefined {
  const [, name, next] = tokens.map(identifierOf)
  if (name === 'session' && next === 'authorization') return undefined
  return SETTINGS.has(name ?? '') ? undefined : `setting ${name ?? 'nothing'} is refused`
}

/** A grant of rights names what they are on before whom they are for; a grant of membership does not. */
function foreignGrant (words: readonly string[]): string | undefined {
  const on = words.indexOf('on')
  const whom = words.findIndex(word => word === 'to' || word === 'from')
  if (on < 0 || (whom >= 0 && whom < on)) return 'memberships of roles are refused'
  const object = words[on + 1] ?? ''
  return OUTSIDE.has(object) || object === 'parameter' ? `rights on a ${object} reach beyond the database` : undefined
}
