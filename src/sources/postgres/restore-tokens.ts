import { identifierOf, sqlTokens } from './sql-lexer.ts'
import type { SqlToken } from './sql-lexer.ts'

/** Tokens that mean something: no space, no comment, no semicolon. */
export function meaningfulTokens (sql: string): SqlToken[] {
  return [...sqlTokens(sql)].filter(({ kind, text }) => kind !== 'space' && kind !== 'comment' && text !== ';')
}

/** Keywords and plain names in lower case, as many as there are tokens; every other token is empty. */
export function wordsOf (tokens: readonly SqlToken[]): string[] {
  return tokens.map(({ kind, text }) => kind === 'word' ? text.toLowerCase() : '')
}

/** Equal for texts that differ in layout, comments and needless quotes only. */
export function essence (sql: string): string {
  return JSON.stringify([...sqlTokens(sql)].filter(({ kind }) => kind !== 'space' && kind !== 'comment').map(token => identifierOf(token) ?? token.text))
}
