import { meaningfulTokens, wordsOf } from './restore-tokens.ts'
import { identifierOf } from './sql-lexer.ts'
import type { SqlToken } from './sql-lexer.ts'

export interface NeededRoles {
  /** Own something. */
  readonly owners: ReadonlySet<string>
  /** Hold or granted rights. */
  readonly grantees: ReadonlySet<string>
  /** Named by policies and user mappings, which cannot be made without them. */
  readonly named: ReadonlySet<string>
}

/** Words that stand where a role may stand. */
const NO_ROLES = new Set(['public', 'current_user', 'current_role', 'session_user'])

/** The roles that statements name. */
export function neededRoles (statements: Iterable<string>): NeededRoles {
  const needed = { owners: new Set<string>(), grantees: new Set<string>(), named: new Set<string>() }
  for (const statement of statements) {
    const tokens = meaningfulTokens(statement)
    for (const role of ownersIn(tokens)) needed.owners.add(role)
    for (const role of granteesIn(tokens)) needed.grantees.add(role)
    for (const role of namedIn(tokens)) needed.named.add(role)
  }
  return needed
}

/** True for statements that only say who owns an object or who may use it. */
export function isAboutRights (statement: string): boolean {
  const tokens = meaningfulTokens(statement)
  const [first, second] = wordsOf(tokens)
  return first === 'grant' || first === 'revoke' || (first === 'alter' && second === 'default') || ownersIn(tokens).length > 0 || isSessionAuthorization(tokens)
}

function ownersIn (tokens: readonly SqlToken[]): string[] {
  const [keyword, to] = wordsOf(tokens.slice(-3))
  return wordsOf(tokens)[0] === 'alter' && keyword === 'owner' && to === 'to' ? rolesAt(tokens, tokens.length - 1) : []
}

function granteesIn (tokens: readonly SqlToken[]): string[] {
  const all = wordsOf(tokens)
  if (isSessionAuthorization(tokens)) return all[0] === 'set' ? rolesAt(tokens, 3) : []
  const byDefault = all[0] === 'alter' && all[1] === 'default'
  if (!byDefault && all[0] !== 'grant' && all[0] !== 'revoke') return []
  const whom = Math.max(all.lastIndexOf('to'), all.lastIndexOf('from'))
  const creators = byDefault && all[3] === 'for' ? rolesAt(tokens, 5) : []
  return [...creators, ...rolesAt(tokens, whom + 1)]
}

function namedIn (tokens: readonly SqlToken[]): string[] {
  const all = wordsOf(tokens)
  if (all[0] === 'create' && all[1] === 'user' && all[2] === 'mapping') return rolesAt(tokens, all.indexOf('for') + 1)
  if (all[0] !== 'create' || all[1] !== 'policy') return []
  const condition = all.findIndex(word => word === 'using' || word === 'with')
  const to = all.slice(0, condition < 0 ? undefined : condition).indexOf('to')
  return to < 0 ? [] : rolesAt(tokens, to + 1)
}

function isSessionAuthorization (tokens: readonly SqlToken[]): boolean {
  const [first, second, third] = wordsOf(tokens)
  return (first === 'set' || first === 'reset') && second === 'session' && third === 'authorization'
}

/** The roles of a list that begins at `index`. */
function rolesAt (tokens: readonly SqlToken[], index: number): string[] {
  const roles: string[] = []
  for (let at = index; at < tokens.length; at += 2) {
    const token = tokens[at]!
    const role = identifierOf(token) ?? /^'(.*)'$/s.exec(token.text)?.[1]?.replaceAll("''", "'")
    if (role !== undefined && !(token.kind === 'word' && NO_ROLES.has(role))) roles.push(role)
    if (tokens[at + 1]?.text !== ',') break
  }
  return roles
}
