import { BackupError } from '../../errors.ts'
import { sqlStatements, sqlTokens } from './sql-lexer.ts'

/** One object in pg_dump's text, without the numbers that differ from dump to dump. */
export interface DumpEntry {
  /** pg_dump's number of the entry in this one dump. */
  readonly dumpId: number
  /** Catalogue and row that the entry stands for; 0 for a comment, a right and whatever else has no row of its own. */
  readonly classId: number
  readonly oid: number
  /** dumpIds that pg_dump prints; it does so only for entries without a row of their own. */
  readonly dependencies: readonly number[]
  readonly type: string
  /** pg_dump's name of it; in this and in the schema's line ends have become spaces. */
  readonly tag: string
  readonly schema: string | null
  readonly owner: string | null
  /** The statements that create it, as they stand between `SET default_tablespace` and its like. */
  readonly sql: string
  /** The tablespace as SQL when it is not the database's own. */
  readonly tablespace: string | null
  /** The access method, as SQL, that a table made here without naming one would get. */
  readonly accessMethod: string
}

/** Settings that pg_dump changes between entries, with what an entry finds when nothing is said. */
const SETTING_DEFAULTS = { default_tablespace: "''", default_table_access_method: 'heap' }
const SETTING = /^SET (default_tablespace|default_table_access_method) = (.+);$/s

const ENTRY = /^-- TOC entry (\d+) \(class (\d+) OID (\d+)\)$/
const DEPENDENCIES = /^-- Dependencies: ([\d ]+)$/
const NAME = /^-- Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: (.*?)(; Tablespace: .*)?$/

interface Header {
  dumpId: number
  classId: number
  oid: number
  dependencies: number[]
  name?: RegExpExecArray
}

/**
 * The entries of what `pg_dump --verbose` wrote, in its order. Only comments at the top level count as headers, so what looks
 * like one inside a function's body or a comment's text is left alone.
 */
export function parseDump (text: string): DumpEntry[] {
  const entries: DumpEntry[] = []
  const settings = { ...SETTING_DEFAULTS }
  for (const { header, body } of sections(text)) {
    const { sql, changes } = withoutTrailingSettings(body)
    if (header !== undefined) entries.push(entryOf(header, sql, settings))
    Object.assign(settings, changes)
  }
  return entries
}

interface Section {
  /** Undefined for what stands before the first entry. */
  readonly header: Header | undefined
  readonly body: string
}

function * sections (text: string): Generator<Section> {
  let header: Header | undefined
  let body: string[] = []
  for (const token of sqlTokens(text)) {
    if (token.kind !== 'comment') {
      body.push(token.text)
      continue
    }
    const entry = ENTRY.exec(token.text)
    if (entry !== null) {
      yield { header, body: body.join('') }
      header = { dumpId: Number(entry[1]), classId: Number(entry[2]), oid: Number(entry[3]), dependencies: [] }
      body = []
    } else if (header !== undefined) {
      readHeaderLine(header, token.text)
    }
  }
  // An installed pg_dump ends with a command for psql.
  yield { header, body: body.join('').replace(/\n\\unrestrict \S+\s*$/, '\n') }
}

function readHeaderLine (header: Header, line: string): void {
  const dependencies = DEPENDENCIES.exec(line)?.[1]
  if (dependencies !== undefined) header.dependencies = dependencies.split(' ').map(Number)
  const name = NAME.exec(line)
  if (name !== null) header.name ??= name
}

function entryOf ({ name, ...header }: Header, sql: string, settings: typeof SETTING_DEFAULTS): DumpEntry {
  const [, tag, type, schema, owner, tablespace] = name ?? []
  if (tag === undefined || type === undefined || schema === undefined || owner === undefined) throw new BackupError('SOURCE_FAILED', `entry ${header.dumpId} of pg_dump's output has no name; its version may be unknown to this program`, { data: { entry: header.dumpId } })
  return {
    ...header, tag, type, sql,
    schema: presentOrNull(schema),
    owner: presentOrNull(owner),
    tablespace: tablespace === undefined ? null : settings.default_tablespace,
    accessMethod: settings.default_table_access_method,
  }
}

function presentOrNull (name: string): string | null {
  return name === '' || name === '-' ? null : name
}

/** What an entry changes at its end is meant for those after it. */
function withoutTrailingSettings (body: string): { readonly sql: string, readonly changes: Record<string, string> } {
  const statements = [...sqlStatements(body)]
  const changes: Record<string, string> = {}
  while (statements.length > 0) {
    const last = statements.at(-1)?.trim() ?? ''
    const [, name, value] = SETTING.exec(last) ?? []
    if (last !== '' && (name === undefined || value === undefined)) break
    if (name !== undefined && value !== undefined) changes[name] ??= value
    statements.pop()
  }
  return { sql: `${statements.join('').trim()}\n`, changes }
}

/**
 * The entry's SQL with the tablespace and access method that it needs around it: it can be run by itself, under pg_dump's own
 * defaults, and leaves no setting behind.
 * @param usesAccessMethod false for what has no rows of its own; pg_dump says nothing about those
 */
export function standaloneSql ({ sql, tablespace, accessMethod }: DumpEntry, { usesAccessMethod }: { readonly usesAccessMethod: boolean }): string {
  const needed = { default_tablespace: tablespace, default_table_access_method: usesAccessMethod ? accessMethod : null }
  return Object.entries(SETTING_DEFAULTS).reduce((inner, [name, usual]) => {
    const value = needed[name as keyof typeof needed]
    return value === null || value === usual ? inner : `SET ${name} = ${value};\n${inner}SET ${name} = ${usual};\n`
  }, sql)
}
