import { Type } from 'typebox'
import type { Static, TOptional, TSchema } from 'typebox'
import type { SecretReference } from './secret.ts'

// `expects` ends the sentence "<field> must be …"; it is what a wrong value is answered with.
const text = (expects: string) => Type.String({ minLength: 1, expects })
const wholeNumber = (minimum: number) => Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, expects: `a whole number from ${minimum}` })
const list = (what: string) => Type.Array(Type.String({ minLength: 1 }), { expects: `a list of ${what}` })
const group = <Members extends Record<string, TSchema>>(members: Members, expects = 'an object') => Type.Object(members, { additionalProperties: false, expects })

const SECRET = Type.Unsafe<SecretReference>(Type.Union([
  Type.String({ minLength: 1 }),
  Type.Object({ env: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
  Type.Object({ file: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
], { expects: "a text, { env: 'NAME' } or { file: 'path' }" }))

const NAME = Type.String({ pattern: '^[a-z0-9-]+$', expects: 'a name of small letters, digits and hyphens' })
const FOLDER = text('the path of a folder')

/** Where an application keeps matrices in a row's metadata. */
const METADATA = {
  url: SECRET,
  database: Type.Optional(text('the name of a database')),
  table: text('a table as schema.table'),
  keyColumn: text('the name of a column'),
  key: Type.Unsafe<string | number>(Type.Union([Type.String(), Type.Integer()], { expects: 'a text or a whole number' })),
  column: Type.Optional(text('the name of a column')),
}

/** What describes one source of each kind, and where it is restored to when that is not where it came from. */
export const SOURCES = {
  postgres: group({
    name: Type.Optional(NAME),
    url: SECRET,
    replicaUrl: Type.Optional(SECRET),
    database: Type.Optional(text('the name of a database')),
    schemas: Type.Optional(list('names of schemas')),
    excludeSchemas: Type.Optional(list('names of schemas')),
    excludeTables: Type.Optional(Type.Array(Type.String({ pattern: '^[^.]+[.].+$' }), { expects: 'a list of tables as schema.table' })),
    pgDump: Type.Optional(text("'wasm', 'native' or the path of a pg_dump")),
    maxConnections: Type.Optional(wholeNumber(1)),
    target: Type.Optional(group({ url: Type.Optional(SECRET), database: Type.Optional(text('the name of a database')) })),
  }),
  qdrant: group({
    name: Type.Optional(NAME),
    url: text('the URL of a Qdrant server'),
    apiKey: Type.Optional(SECRET),
    collections: Type.Optional(list('names of collections')),
    digest: Type.Optional(Type.Enum(['none', 'points'], { expects: "'none' or 'points'" })),
    target: Type.Optional(group({ url: Type.Optional(text('the URL of a Qdrant server')), apiKey: Type.Optional(SECRET) })),
  }),
  files: group({
    name: Type.Optional(NAME),
    folder: FOLDER,
    whenChanged: Type.Optional(Type.Enum(['fail', 'note'], { expects: "'fail' or 'note'" })),
    target: Type.Optional(group({ folder: FOLDER })),
  }),
  matrices: group({
    name: Type.Optional(NAME),
    folder: Type.Optional(FOLDER),
    metadata: Type.Optional(group(METADATA)),
    computed: Type.Optional(Type.Array(group({
      matrix: text('the name of a matrix'),
      from: text('the id of a collection, as qdrant/collection/facts'),
      components: wholeNumber(1),
      vector: Type.Optional(text('the name of a vector')),
      output: Type.Optional(Type.Enum(['components', 'mean'], { expects: "'components' or 'mean'" })),
    }), { expects: 'a list of computed matrices' })),
    target: Type.Optional(group({ folder: Type.Optional(FOLDER), metadata: Type.Optional(Type.Partial(group(METADATA), { additionalProperties: false, expects: 'an object' })) })),
  }),
}

export type SourceKind = keyof typeof SOURCES

const RETENTION = group({
  maxSnapshots: Type.Optional(wholeNumber(1)),
  ttlDays: Type.Optional(wholeNumber(0)),
  keepLast: Type.Optional(wholeNumber(0)),
  keepDaily: Type.Optional(wholeNumber(0)),
  keepWeekly: Type.Optional(wholeNumber(0)),
  keepMonthly: Type.Optional(wholeNumber(0)),
})

const SEALING = group({
  identity: Type.Optional(SECRET),
  recipient: Type.Optional(Type.String({ pattern: '^age1[02-9ac-hj-np-z]{58}$', expects: 'an age recipient, age1…' })),
})

export type SealingSettings = Static<typeof SEALING>

const CONSENSUS = group({
  policy: Type.Optional(text('the path of a policy file')),
  timeoutSeconds: Type.Optional(wholeNumber(1)),
  logOnly: Type.Optional(list('names of witnesses')),
})

const SETTINGS = {
  repository: Type.Optional(FOLDER),
  project: Type.Optional(text('the name of a project')),
  concurrency: Type.Optional(wholeNumber(1)),
  secret: Type.Optional(SECRET),
  sealing: Type.Optional(SEALING),
  retention: Type.Optional(RETENTION),
  consensus: Type.Optional(CONSENSUS),
}

const listOf = <Item extends TSchema>(item: Item): TOptional<TSchema> => Type.Optional(Type.Array(item, { expects: 'an object or a list of objects' }))

/** The configuration with every kind of source as a list. */
export const CONFIG = group({
  ...SETTINGS,
  sources: Type.Optional(group(Object.fromEntries(Object.entries(SOURCES).map(([kind, schema]) => [kind, listOf(schema)])))),
}, 'an object with the configuration')

type OneOrMany<T> = T | T[]

export type SourceSettings<Kind extends SourceKind> = Static<(typeof SOURCES)[Kind]>

/** What a configuration file holds: see docs/configuration.md. */
export interface CafConfig extends Static<ReturnType<typeof group<typeof SETTINGS>>> {
  sources?: { [Kind in SourceKind]?: OneOrMany<SourceSettings<Kind>> }
}
