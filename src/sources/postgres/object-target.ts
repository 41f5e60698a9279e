import type { DumpEntry } from './dump-entry.ts'
import { nameInId, qualifiedInId } from './identifier.ts'
import type { ObjectIdentity } from './object-identity.ts'
import { identifierOf, sqlTokens } from './sql-lexer.ts'
import type { SqlToken } from './sql-lexer.ts'

export interface QualifiedName {
  readonly schema: string
  readonly name: string
}

/**
 * What an entry without a row of its own is about, read from its SQL, where names are quoted and complete. pg_dump writes this SQL
 * with the words that matter in fixed places, and reserved words in names are quoted.
 */
export function targetInSql ({ type, sql, tag }: DumpEntry): ObjectIdentity {
  const tokens = [...sqlTokens(sql)].filter(token => token.kind !== 'comment')
  const names = qualifiedNames(tokens)
  const text = targetText(type, tokens, names).trim()
  return { text: text === '' ? tag : text, schema: names[0]?.schema ?? null }
}

function targetText (type: string, tokens: readonly SqlToken[], names: readonly QualifiedName[]): string {
  switch (type) {
    case 'COMMENT':
    case 'SECURITY LABEL': return textOf(between(tokens, ['on'], ['is']))
    case 'ACL': return rightsTarget(tokens)
    case 'TABLE ATTACH':
    case 'INDEX ATTACH': return qualifiedText(names[1])
    case 'SEQUENCE OWNED BY': return qualifiedText(names[0])
    case 'USER MAPPING': return textOf(between(tokens, ['for'], ['options', ';']))
    default: return qualifiedText(names[0])
  }
}

/** `GRANT right (column) ON object TO role`: the object, or the column that the first right is about. */
function rightsTarget (tokens: readonly SqlToken[]): string {
  const statement = tokens.slice(Math.max(0, tokens.findIndex(token => ['grant', 'revoke'].includes(wordOf(token)))))
  const rights = statement.slice(0, indexOfWord(statement, ['on'], 0))
  const object = textOf(between(statement, ['on'], ['to', 'from'])).trim()
  const column = rights[rights.findIndex(token => token.text === '(') + 1]
  return column === undefined || column === rights[0] ? object : `COLUMN ${object.replace(/^TABLE /, '')}.${textOf([column])}`
}

/** Every `schema.name` in SQL text, in order. */
export function qualifiedNames (tokens: readonly SqlToken[]): QualifiedName[] {
  return tokens.flatMap((token, at) => {
    const schema = identifierOf(token)
    const name = tokens[at + 2] === undefined ? undefined : identifierOf(tokens[at + 2] ?? token)
    const isQualified = tokens[at + 1]?.text === '.' && tokens[at - 1]?.text !== '.'
    return isQualified && schema !== undefined && name !== undefined ? [{ schema, name }] : []
  })
}

/** The tokens after the first of the words `after` and before the next of `before`, outside of parentheses. */
function between (tokens: readonly SqlToken[], after: readonly string[], before: readonly string[]): SqlToken[] {
  const start = indexOfWord(tokens, after, 0)
  const end = indexOfWord(tokens, before, start + 1)
  return start < 0 ? [] : tokens.slice(start + 1, end < 0 ? undefined : end)
}

function indexOfWord (tokens: readonly SqlToken[], words: readonly string[], from: number): number {
  let depth = 0
  return tokens.findIndex((token, at) => {
    if (at < from) return false
    if (token.text === '(') depth++
    if (token.text === ')') depth--
    return depth === 0 && words.includes(wordOf(token))
  })
}

function wordOf ({ kind, text }: SqlToken): string {
  return kind === 'word' || kind === 'symbol' ? text.toLowerCase() : ''
}

function textOf (tokens: readonly SqlToken[]): string {
  return tokens.map(token => {
    if (token.kind === 'space') return ' '
    return token.kind === 'quoted' ? nameInId(identifierOf(token) ?? token.text) : token.text
  }).join('')
}

function qualifiedText (name: QualifiedName | undefined): string {
  return name === undefined ? '' : qualifiedInId(name.schema, name.name)
}
