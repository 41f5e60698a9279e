/**
 * `word`: keyword or plain identifier; `quoted`: identifier in double quotes (also `U&"…"`); `string`: any kind of string constant;
 * `number`: also parameters like `$1`; `symbol`: one character of an operator or of punctuation.
 */
export type SqlTokenKind = 'space' | 'comment' | 'word' | 'quoted' | 'string' | 'number' | 'symbol'

export interface SqlToken {
  readonly kind: SqlTokenKind
  readonly text: string
  /** Where it begins in the SQL, in UTF-16 units. */
  readonly start: number
}

/** Order matters: the first that matches at a place wins. Block comments nest and dollar quotes repeat their tag, so they only begin here. */
const RULES: ReadonlyArray<readonly [SqlTokenKind | 'block' | 'dollar', RegExp]> = [
  ['space', /\s+/y],
  ['comment', /--[^\n\r]*/y],
  ['block', /\/\*/y],
  ['string', /[eE]'(?:[^'\\]+|''|\\[^]?)*(?:'|$)/y],
  ['string', /(?:[uU]&|[bBxXnN])?'(?:[^']+|'')*(?:'|$)/y],
  ['quoted', /(?:[uU]&)?"(?:[^"]+|"")*(?:"|$)/y],
  ['dollar', /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y],
  ['word', /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y],
  ['number', /\$\d+|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?|0[xXoObB][\dA-Fa-f_]+/y],
  ['symbol', /[^]/y],
]

/** The tokens of SQL text under standard_conforming_strings; joined they are the text again. What is not terminated ends with the text. */
export function * sqlTokens (sql: string): Generator<SqlToken> {
  let start = 0
  while (start < sql.length) {
    const token = tokenAt(sql, start)
    yield token
    start += token.text.length
  }
}

function tokenAt (sql: string, start: number): SqlToken {
  for (const [kind, rule] of RULES) {
    rule.lastIndex = start
    const text = rule.exec(sql)?.[0]
    if (text === undefined) continue
    if (kind === 'block') return { kind: 'comment', start, text: sql.slice(start, blockCommentEnd(sql, start)) }
    if (kind === 'dollar') return { kind: 'string', start, text: sql.slice(start, dollarQuoteEnd(sql, start, text)) }
    return { kind, start, text }
  }
  throw new RangeError(`no token at ${start}`) // the last rule matches any character
}

function blockCommentEnd (sql: string, start: number): number {
  const border = /\/\*|\*\//g
  border.lastIndex = start
  let depth = 0
  for (let match = border.exec(sql); match !== null; match = border.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return border.lastIndex
  }
  return sql.length
}

function dollarQuoteEnd (sql: string, start: number, tag: string): number {
  const close = sql.indexOf(tag, start + tag.length)
  return close < 0 ? sql.length : close + tag.length
}

/** The name that an identifier's token means: folded when plain, unescaped when quoted; undefined for every other token. */
export function identifierOf ({ kind, text }: SqlToken): string | undefined {
  if (kind === 'word') return text.replace(/[A-Z]+/g, letters => letters.toLowerCase())
  if (kind === 'quoted' && text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"')
  return undefined
}

/**
 * The statements of SQL text, each with its semicolon and what stands before it; joined they are the text again.
 * Semicolons within parentheses and within the body of a function that BEGIN ATOMIC opens do not end a statement.
 */
export function * sqlStatements (sql: string): Generator<string> {
  let nesting = new StatementNesting()
  let begin = 0
  for (const token of sqlTokens(sql)) {
    nesting.add(token)
    if (token.text !== ';' || token.kind !== 'symbol' || nesting.isOpen) continue
    yield sql.slice(begin, token.start + 1)
    begin = token.start + 1
    nesting = new StatementNesting()
  }
  if (begin < sql.length) yield sql.slice(begin)
}

/** Counts as psql does. */
class StatementNesting {
  #parentheses = 0
  #blocks = 0
  readonly #words: string[] = []

  get isOpen (): boolean {
    return this.#parentheses > 0 || this.#blocks > 0
  }

  add ({ kind, text }: SqlToken): void {
    if (text === '(') this.#parentheses++
    if (text === ')') this.#parentheses--
    if (kind !== 'word') return
    const word = text.toLowerCase()
    if (this.#words.length < 4) this.#words.push(word)
    if (this.#parentheses > 0 || !this.#createsRoutine()) return
    if (word === 'begin' || (word === 'case' && this.#blocks > 0)) this.#blocks++
    if (word === 'end' && this.#blocks > 0) this.#blocks--
  }

  #createsRoutine (): boolean {
    return /^create (or replace )?(function|procedure)\b/.test(this.#words.join(' '))
  }
}
