import * as v from 'valibot'
import { BackupError } from '../errors.ts'
import { CONFIG, SOURCES } from './config-schema.ts'
import type { CafConfig, SourceKind, SourceSettings } from './config-schema.ts'
import { nearestName } from './nearest-name.ts'
import { itemOf, membersOf, unwrapped } from './schema-parts.ts'

/** A configuration in which each kind of source is a list. */
export interface CheckedConfig extends Omit<CafConfig, 'sources'> {
  readonly sources: { readonly [Kind in SourceKind]: ReadonlyArray<SourceSettings<Kind>> }
}

/**
 * Says of every field of `value` that is wrong what it must be; `origin` names the file for the message.
 * @throws {BackupError} `CONFIG_INVALID` with one line a field; the values do not appear
 */
export function checkConfig (value: unknown, origin: string): CheckedConfig {
  const { config, single } = sourcesAsLists(value)
  if (v.is(CONFIG, config)) return withAllKinds(config)
  const problems = problemsOf(config).map(({ path, text }) => `${fieldName(path, single)} ${text}`)
  throw new BackupError('CONFIG_INVALID', [`${origin} is not a configuration:`, ...new Set(problems)].join('\n  '), { data: { origin, problems } })
}

function sourcesAsLists (value: unknown): { config: unknown, single: ReadonlySet<string> } {
  const single = new Set<string>()
  if (!isObject(value) || !isObject(value['sources'])) return { config: value, single }
  const sources = Object.fromEntries(Object.entries(value['sources']).map(([kind, given]) => {
    if (Array.isArray(given) || !(kind in SOURCES) || given === undefined) return [kind, given]
    single.add(kind)
    return [kind, [given]]
  }))
  return { config: { ...value, sources }, single }
}

function withAllKinds (config: Partial<CheckedConfig>): CheckedConfig {
  return { ...config, sources: { postgres: [], qdrant: [], files: [], matrices: [], ...config.sources } }
}

interface FieldProblem {
  readonly path: readonly string[]
  readonly text: string
}

function problemsOf (value: unknown): FieldProblem[] {
  return (v.safeParse(CONFIG, value).issues ?? []).flatMap(({ path: steps = [], type, expected, received }): FieldProblem[] => {
    const path = steps.map(({ key }) => String(key))
    const { schema, depth } = describedAt(path)
    if (type === 'strict_object' && expected === 'never') return unknownFields(path.slice(0, -1), steps.at(-1)?.input)
    if (type === 'strict_object' && received === 'undefined') return [{ path, text: `is missing; it must be ${expects(schema)}` }]
    return [{ path: path.slice(0, depth), text: `must be ${expects(schema)}` }]
  })
}

/** The innermost schema on the way along `path` that says what it expects, and how far along it stands. */
function describedAt (path: readonly string[]): { schema: v.GenericSchema, depth: number } {
  let schema: v.GenericSchema = CONFIG
  let found = { schema, depth: 0 }
  for (const [index, part] of path.entries()) {
    const next = membersOf(schema)[part] ?? itemOf(schema)
    if (next === undefined) break
    schema = unwrapped(next)
    if (v.getDescription(schema) !== undefined) found = { schema, depth: index + 1 }
  }
  return found
}

function expects (schema: v.GenericSchema): string {
  return v.getDescription(schema) ?? 'something else'
}

/** Of the object `given` at `path`: valibot stops at the first. */
function unknownFields (path: readonly string[], given: unknown): FieldProblem[] {
  const known = Object.keys(membersOf(describedAt(path).schema))
  return Object.keys(isObject(given) ? given : {}).filter(name => !known.includes(name)).map(name => {
    const near = nearestName(name, known)
    return { path: [...path, name], text: `is no known field; ${near === undefined ? `known here are ${known.join(', ')}` : `did you mean ${near}?`}` }
  })
}

/** `sources.postgres[1].maxConnections`; without the index where the source was not given in a list. */
function fieldName (path: readonly string[], single: ReadonlySet<string>): string {
  const name = path.reduce((field, part, index) => {
    if (!/^\d+$/.test(part)) return field === '' ? part : `${field}.${part}`
    const alone = index === 2 && path[0] === 'sources' && single.has(path[1] ?? '')
    return alone ? field : `${field}[${part}]`
  }, '')
  return name === '' ? 'it' : name
}

function isObject (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
