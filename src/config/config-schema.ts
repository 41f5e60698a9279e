import * as v from 'valibot'
import type { SecretReference } from './secret.ts'

// The description ends the sentence "<field> must be …"; it is what a wrong value is answered with.
const text = (expects: string) => v.pipe(v.string(), v.nonEmpty(), v.description(expects))
const pattern = (form: RegExp, expects: string) => v.pipe(v.string(), v.regex(form), v.description(expects))
const wholeNumber = (minimum: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(minimum), v.description(`a whole number from ${minimum}`))
const oneOf = <const Options extends readonly string[]>(options: Options, expects: string) => v.pipe(v.picklist(options), v.description(expects))
const list = (what: string) => v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.description(`a list of ${what}`))
/** What may be left out, or be undefined, which is as good as left out: the types know only that. */
const optional = <Schema extends v.GenericSchema>(schema: Schema) => v.optional(schema) as unknown as v.ExactOptionalSchema<Schema, undefined>
/** An object with no other members; for valibot alone an array would be one too. */
const group = <Members extends v.ObjectEntries>(members: Members, expects = 'an object') =>
  v.pipe(v.custom<object>(value => typeof value === 'object' && value !== null && !Array.isArray(value)), v.strictObject(members), v.description(expects))

const SECRET = v.pipe(v.custom<SecretReference>(isSecretReference), v.description("a text, { env: 'NAME' } or { file: 'path' }"))
const NAME = pattern(/^[a-z0-9-]+$/, 'a name of small letters, digits and hyphens')
const FOLDER = text('the path of a folder')
const DATABASE = text('the name of a database')
const TABLE = text('a table as schema.table')
const COLUMN = text('the name of a column')
const ROW_KEY = v.pipe(v.union([v.string(), v.pipe(v.number(), v.integer())]), v.description('a text or a whole number'))
const QDRANT_URL = text('the URL of a Qdrant server')

/** What describes one source of each kind, and where it is restored to when that is not where it came from. */
export const SOURCES = {
  postgres: group({
    name: optional(NAME),
    url: SECRET,
    replicaUrl: optional(SECRET),
    database: optional(DATABASE),
    schemas: optional(list('names of schemas')),
    excludeSchemas: optional(list('names of schemas')),
    excludeTables: optional(v.pipe(v.array(v.pipe(v.string(), v.regex(/^[^.]+[.].+$/))), v.description('a list of tables as schema.table'))),
    pgDump: optional(text("'wasm', 'native' or the path of a pg_dump")),
    maxConnections: optional(wholeNumber(1)),
    reads: optional(oneOf(['incremental', 'full'], "'incremental' or 'full'")),
    fullReadEvery: optional(wholeNumber(1)),
    target: optional(group({ url: optional(SECRET), database: optional(DATABASE) })),
  }),
  qdrant: group({
    name: optional(NAME),
    url: QDRANT_URL,
    apiKey: optional(SECRET),
    collections: optional(list('names of collections')),
    digest: optional(oneOf(['none', 'points'], "'none' or 'points'")),
    target: optional(group({ url: optional(QDRANT_URL), apiKey: optional(SECRET) })),
  }),
  files: group({
    name: optional(NAME),
    folder: FOLDER,
    whenChanged: optional(oneOf(['fail', 'note'], "'fail' or 'note'")),
    target: optional(group({ folder: FOLDER })),
  }),
  matrices: group({
    name: optional(NAME),
    folder: optional(FOLDER),
    // Where an application keeps matrices in a row.
    metadata: optional(group({ url: SECRET, database: optional(DATABASE), table: TABLE, keyColumn: COLUMN, key: ROW_KEY, column: optional(COLUMN) })),
    computed: optional(v.pipe(v.array(group({
      matrix: text('the name of a matrix'),
      from: text('the id of a collection, as qdrant/collection/facts'),
      components: wholeNumber(1),
      vector: optional(text('the name of a vector')),
      output: optional(oneOf(['components', 'mean'], "'components' or 'mean'")),
    })), v.description('a list of computed matrices'))),
    target: optional(group({
      folder: optional(FOLDER),
      metadata: optional(group({ url: optional(SECRET), database: optional(DATABASE), table: optional(TABLE), keyColumn: optional(COLUMN), key: optional(ROW_KEY), column: optional(COLUMN) })),
    })),
  }),
}

export type SourceKind = keyof typeof SOURCES

const RETENTION = group({
  maxSnapshots: optional(wholeNumber(1)),
  ttlDays: optional(wholeNumber(0)),
  keepLast: optional(wholeNumber(0)),
  keepDaily: optional(wholeNumber(0)),
  keepWeekly: optional(wholeNumber(0)),
  keepMonthly: optional(wholeNumber(0)),
})

const SEALING = group({
  identity: optional(SECRET),
  recipient: optional(pattern(/^age1[02-9ac-hj-np-z]{58}$/, 'an age recipient, age1…')),
})

export type SealingSettings = v.InferOutput<typeof SEALING>

const CONSENSUS = group({
  policy: optional(text('the path of a policy file')),
  timeoutSeconds: optional(wholeNumber(1)),
  logOnly: optional(list('names of witnesses')),
})

const SETTINGS = {
  repository: optional(FOLDER),
  project: optional(text('the name of a project')),
  concurrency: optional(wholeNumber(1)),
  secret: optional(SECRET),
  sealing: optional(SEALING),
  retention: optional(RETENTION),
  consensus: optional(CONSENSUS),
}

const listOf = <Item extends v.GenericSchema<object>>(item: Item) => optional(v.pipe(v.array(item), v.description('an object or a list of objects')))

/** The configuration with every kind of source as a list. */
export const CONFIG = group({
  ...SETTINGS,
  sources: optional(group({ postgres: listOf(SOURCES.postgres), qdrant: listOf(SOURCES.qdrant), files: listOf(SOURCES.files), matrices: listOf(SOURCES.matrices) })),
}, 'an object with the configuration')

type OneOrMany<T> = T | T[]

export type SourceSettings<Kind extends SourceKind> = v.InferOutput<(typeof SOURCES)[Kind]>

/** What a configuration file holds: see docs/configuration.md. */
export interface CafConfig extends Omit<v.InferOutput<typeof CONFIG>, 'sources'> {
  sources?: { [Kind in SourceKind]?: OneOrMany<SourceSettings<Kind>> }
}

function isSecretReference (value: unknown): boolean {
  if (typeof value === 'string') return value !== ''
  if (typeof value !== 'object' || value === null) return false
  const [[name, place] = [], ...more] = Object.entries(value)
  return (name === 'env' || name === 'file') && typeof place === 'string' && place !== '' && more.length === 0
}
