import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { BackupError } from '../errors.ts'
import { CONFIG, SOURCES } from './config-schema.ts'
import type { CafConfig, SourceKind, SourceSettings } from './config-schema.ts'
import { nearestName } from './nearest-name.ts'

/** A configuration in which each kind of source is a list. */
export interface CheckedConfig extends Omit<CafConfig, 'sources'> {
  readonly sources: { readonly [Kind in SourceKind]: ReadonlyArray<SourceSettings<Kind>> }
}

const validator = Compile(CONFIG)

/**
 * Says of every field of `value` that is wrong what it must be; `origin` names the file for the message.
 * @throws {BackupError} `CONFIG_INVALID` with one line a field; the values do not appear
 */
export function checkConfig (value: unknown, origin: string): CheckedConfig {
  const { config, single } = sourcesAsLists(value)
  if (validator.Check(config)) return withAllKinds(config as Partial<CheckedConfig>)
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
  return validator.Errors(value).flatMap((error): FieldProblem[] => {
    const path = error.instancePath.split('/').slice(1).map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const { schema, depth } = describedAt(path)
    const at = path.slice(0, depth)
    switch (error.keyword) {
      case 'boolean': return [] // `additionalProperties` says it too, for the object
      case 'additionalProperties': return depth < path.length || schema.properties === undefined ? [mustBe(at, schema)] : error.params.additionalProperties.map(name => unknownField(path, name, schema))
      case 'required': return depth < path.length ? [mustBe(at, schema)] : error.params.requiredProperties.map(name => missingField(path, name))
      default: return [mustBe(at, schema)]
    }
  })
}

interface DescribedSchema extends TSchema {
  readonly expects?: string
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly items?: TSchema
}

/** The innermost schema on the way along `path` that says what it expects, and how far along it stands. */
function describedAt (path: readonly string[]): { schema: DescribedSchema, depth: number } {
  let schema: DescribedSchema = CONFIG
  let found = { schema, depth: 0 }
  for (const [index, part] of path.entries()) {
    const next: TSchema | undefined = schema.properties?.[part] ?? schema.items
    if (next === undefined) break
    schema = next
    if (schema.expects !== undefined) found = { schema, depth: index + 1 }
  }
  return found
}

function mustBe (path: readonly string[], { expects = 'something else' }: DescribedSchema): FieldProblem {
  return { path, text: `must be ${expects}` }
}

function missingField (path: readonly string[], name: string): FieldProblem {
  const { schema } = describedAt([...path, name])
  return { path: [...path, name], text: `is missing; it must be ${schema.expects ?? 'given'}` }
}

function unknownField (path: readonly string[], name: string, { properties = {} }: DescribedSchema): FieldProblem {
  const near = nearestName(name, Object.keys(properties))
  const known = near === undefined ? `known here are ${Object.keys(properties).join(', ')}` : `did you mean ${near}?`
  return { path: [...path, name], text: `is no known field; ${known}` }
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
