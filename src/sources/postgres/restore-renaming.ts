import { nameInId, quoteIdentifier } from './identifier.ts'
import { meaningfulTokens } from './restore-tokens.ts'
import { identifierOf, sqlStatements, sqlTokens } from './sql-lexer.ts'
import type { SqlToken } from './sql-lexer.ts'

/** Moves restored objects, and nothing else, into other schemas. */
export interface Renaming {
  /** The schema where that of the backup goes. */
  schema(name: string): string
  /** SQL with the names of restored objects in their new schemas. Function bodies in strings stay as they are. */
  sql(text: string): string
  /** The id that a restored object has in its new schema. */
  id(id: string): string
}

export const NO_RENAMING: Renaming = { schema: name => name, sql: text => text, id: id => id }

/**
 * @param schemas new name by old one
 * @param restored SQL of every restored object: what its statements are about is what moves
 */
export function renamingOf (schemas: Readonly<Record<string, string>>, restored: Iterable<string>): Renaming {
  const targets = new Map(Object.entries(schemas).filter(([from, to]) => from !== to))
  if (targets.size === 0) return NO_RENAMING
  const moved = new Set<string>()
  for (const sql of restored) for (const statement of sqlStatements(sql)) for (const name of subjectsOf(statement)) moved.add(name)
  const newSchema = (schema: string, name: string): string | undefined => moved.has(keyOf(schema, name)) ? targets.get(schema) : undefined
  const names = { targets, newSchema, quote: quoteIdentifier }
  return {
    schema: name => targets.get(name) ?? name,
    sql: text => rename(text, names),
    id: id => id.replace(/(?<=\/object\/).*/su, text => rename(text, { ...names, quote: nameInId })),
  }
}

interface Names {
  readonly targets: ReadonlyMap<string, string>
  newSchema(schema: string, name: string): string | undefined
  quote(name: string): string
}

function rename (sql: string, names: Names): string {
  const tokens = meaningfulTokens(sql)
  const replaced = new Map<number, string>()
  for (const { schema, name } of qualifiedNames(tokens)) {
    const to = names.newSchema(identifierOf(schema) ?? '', name)
    if (to !== undefined) replaced.set(schema.start, names.quote(to))
  }
  for (const [index, token] of tokens.entries()) {
    const text = renamedLiteral(tokens, index, names) ?? renamedSchema(tokens, index, names)
    if (text !== undefined) replaced.set(token.start, text)
  }
  return [...sqlTokens(sql)].map(token => replaced.get(token.start) ?? token.text).join('')
}

/** `'public.users_id_seq'::regclass`, also by way of text. */
function renamedLiteral (tokens: readonly SqlToken[], index: number, names: Names): string | undefined {
  const token = tokens[index]!
  if (token.kind !== 'string' || !token.text.startsWith("'")) return undefined
  if (!/^::(?:text\)::)?reg[a-z]+/.test(tokens.slice(index + 1, index + 8).map(({ text }) => text).join(''))) return undefined
  const inner = token.text.slice(1, -1).replaceAll("''", "'")
  return `'${rename(inner, names).replaceAll("'", "''")}'`
}

/** `SCHEMA public`, in statements about the schema itself and about what is in it; where an extension goes is its own affair. */
function renamedSchema (tokens: readonly SqlToken[], index: number, { targets, quote }: Names): string | undefined {
  const before = tokens[index - 1]
  if (before?.kind !== 'word' || before.text.toUpperCase() !== 'SCHEMA' || wordAt(tokens, 1) === 'extension') return undefined
  const to = targets.get(identifierOf(tokens[index]!) ?? '')
  return to === undefined ? undefined : quote(to)
}

/**
 * What a statement is about: the first qualified name in it. An index is named without its schema, which is that of its table; the
 * sequence of an identity column is made by a statement about the table, a multirange type by one about its range; attaching an index is about two of them.
 */
function subjectsOf (statement: string): string[] {
  const tokens = meaningfulTokens(statement)
  const names = [...qualifiedNames(tokens)]
  const [subject] = names
  if (subject === undefined) return []
  const schema = identifierOf(subject.schema) ?? ''
  const attaches = wordAt(tokens, 0) === 'alter' && wordAt(tokens, 1) === 'index'
  const further = names.filter(({ at }) => attaches || wordAt(tokens, at - 1) === 'name' || wordAt(tokens, at - 2) === 'multirange_type_name')
  return [
    keyOf(schema, subject.name),
    ...further.map(({ schema: token, name }) => keyOf(identifierOf(token) ?? '', name)),
    ...relativeNames(tokens).map(name => keyOf(schema, name)),
  ]
}

/** Names of indexes, and of constraints, which may have an index of that name. */
function relativeNames (tokens: readonly SqlToken[]): string[] {
  const after = tokens.findIndex((token, index) => token.kind === 'word' && (
    (wordAt(tokens, 0) === 'create' && index <= 2 && token.text === 'INDEX') || (wordAt(tokens, 0) === 'alter' && token.text === 'CONSTRAINT')))
  const name = after < 0 || tokens[after + 1] === undefined ? undefined : identifierOf(tokens[after + 1]!)
  return name === undefined ? [] : [name]
}

interface QualifiedName {
  /** Index of the schema's token. */
  readonly at: number
  readonly schema: SqlToken
  readonly name: string
}

/** Every `schema.name` and `schema.operator`. */
function * qualifiedNames (tokens: readonly SqlToken[]): Generator<QualifiedName> {
  for (const [index, schema] of tokens.entries()) {
    if (identifierOf(schema) === undefined || tokens[index - 1]?.text === '.' || tokens[index + 1]?.text !== '.') continue
    const after = tokens[index + 2]
    if (after === undefined) continue
    yield { at: index, schema, name: identifierOf(after) ?? operatorAt(tokens, index + 2) }
  }
}

function operatorAt (tokens: readonly SqlToken[], index: number): string {
  const end = tokens.findIndex(({ text }, at) => at >= index && !/^[+\-*/<>=~!@#%^&|`?]$/.test(text))
  return tokens.slice(index, end < 0 ? undefined : end).map(({ text }) => text).join('')
}

function wordAt (tokens: readonly SqlToken[], index: number): string | undefined {
  const token = tokens[index]
  return token?.kind === 'word' ? token.text.toLowerCase() : undefined
}

function keyOf (schema: string, name: string): string {
  return `${nameInId(schema)}.${name}`
}
