import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../src/engine/snapshot-view.ts'
import { postgresSource } from '../../src/sources/postgres/postgres-source.ts'
import { postgresRestorer } from '../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../src/sources/postgres/server.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { TestPostgres } from '../servers/postgres.ts'

const RUNS = process.env['SLOW'] === '1' ? 100 : 6

/** Text that PostgreSQL can hold: no NUL, no lone surrogates. */
const text = fc.string({ unit: 'binary', maxLength: 30 }).map(value => value.toWellFormed().replaceAll('\0', '')).map(value => value.replaceAll('\ufffd', '?'))
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.constantFrom('NaN', 'Infinity', '-Infinity', '-0'))
const float32 = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }).map(String), fc.constantFrom('NaN', 'Infinity', '-Infinity', '-0'))

/** How values of each type are written. */
const TYPES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  integer: fc.integer().map(String),
  bigint: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  text,
  'character(7)': fc.stringMatching(/^[a-z ]{0,7}$/),
  real: float32,
  'double precision': number,
  numeric: fc.oneof(fc.bigInt().map(String), fc.tuple(fc.bigInt(), fc.nat(999)).map(([whole, part]) => `${whole}.${part}`), fc.constantFrom('NaN', 'Infinity', '-Infinity', '0.000', '1e-20')),
  boolean: fc.constantFrom('t', 'f'),
  bytea: fc.uint8Array({ maxLength: 40 }).map(bytes => `\\x${Buffer.from(bytes).toString('hex')}`),
  jsonb: fc.json().filter(json => !json.includes('\\u0000') && !/\\ud[89a-f]/i.test(json) && json.isWellFormed()),
  'timestamp with time zone': fc.oneof(fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }).map(date => date.toISOString()), fc.constantFrom('infinity', '-infinity', '0044-03-15 12:00:00+00 BC', '20000-01-01 00:00:00+00')),
  date: fc.constantFrom('2026-11-21', '0044-03-15 BC', 'infinity', '1970-01-01', '12026-01-01'),
  uuid: fc.uuid(),
  interval: fc.tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: -99, max: 99 })).map(([days, months]) => `${months} months ${days} days 1.5 seconds`),
  'integer[]': fc.array(fc.oneof(fc.integer().map(String), fc.constant('NULL')), { maxLength: 4 }).map(items => `{${items.join(',')}}`),
  'text[]': fc.array(text, { maxLength: 3 }).map(items => `{${items.map(item => `"${item.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`),
  int4range: fc.tuple(fc.integer({ min: 0, max: 99 }), fc.nat(99)).map(([from, length]) => `[${from},${from + length})`),
}
/** Types that may stand in a key. */
const KEY_TYPES = ['integer', 'bigint', 'text', 'numeric', 'double precision', 'boolean', 'bytea', 'timestamp with time zone', 'date', 'uuid', 'character(7)']

interface Table {
  readonly name: string
  readonly columns: ReadonlyArray<{ readonly name: string, readonly type: string }>
  /** How many of the first columns are the key. */
  readonly keyColumns: number
  readonly rows: ReadonlyArray<ReadonlyArray<string | null>>
}

const name = fc.oneof(fc.stringMatching(/^[a-z_]{1,12}$/), fc.string({ minLength: 1, maxLength: 10, unit: fc.constantFrom('a', 'Z', '"', ' ', '.', '/', 'ç', '😀', '\n', '$', '\'', '\\') }))

const table: fc.Arbitrary<Table> = fc.record({ keyTypes: fc.array(fc.constantFrom(...KEY_TYPES), { maxLength: 3 }), types: fc.array(fc.constantFrom(...Object.keys(TYPES)), { maxLength: 5 }) }).chain(({ keyTypes, types }) => {
  const all = [...keyTypes, ...types]
  const value = (type: string, index: number): fc.Arbitrary<string | null> => index < keyTypes.length ? TYPES[type]! : fc.option(TYPES[type]!, { freq: 5 })
  return fc.record({
    name,
    columns: fc.uniqueArray(name, { minLength: all.length, maxLength: all.length }).map(names => names.map((column, index) => ({ name: column, type: all[index]! }))),
    keyColumns: fc.constant(keyTypes.length),
    rows: fc.array(fc.tuple(...all.map(value)), { maxLength: 40 }),
  })
})
const tables = fc.uniqueArray(table, { minLength: 1, maxLength: 3, selector: ({ name: unique }) => unique })

describe('restore after snapshot', () => {
  let server: TestPostgres
  let postgres: PostgresServer
  let round = 0

  beforeAll(async () => {
    server = await startPostgres({ major: 18 })
    postgres = new PostgresServer({ url: server.url('postgres'), maxConnections: 4 })
  })

  afterAll(async () => { await server.stop() })

  it('is the identity on generated tables and rows', async () => {
    await fc.assert(fc.asyncProperty(tables, async generated => {
      const database = `generated_${round++}`
      await fill(database, generated)
      const repository = await createRepository(memoryBackend())
      const capture = async (of: string, relative?: string): Promise<Map<string, string>> => {
        const view = relative === undefined ? undefined : await findView(repository, relative)
        const { id } = await createSnapshot(repository, { sources: [postgresSource({ server: postgres, database: of })], description: of, project: of, relative: view })
        const nodes = await loadNodes(await findView(repository, id), repository)
        return new Map([...nodes].filter(([nodeId]) => nodeId !== 'postgres/database').map(([nodeId, { node }]) => [nodeId, node.hash]))
      }
      const before = await capture(database)
      await restoreSnapshot(repository, `${database}/latest`, { restorers: [postgresRestorer({ server: postgres, database: `${database}_copy`, mode: 'create' })], policy: { strategy: 'full', preserveHistory: false } })
      expect(await capture(`${database}_copy`, `${database}/latest`)).toEqual(before)
    }), { numRuns: RUNS, seed: 20_261_121, endOnFailure: true })
  })

  async function fill (database: string, generated: readonly Table[]): Promise<void> {
    await withClient('postgres', async client => { await client.query(`CREATE DATABASE ${database} TEMPLATE template0`) })
    await withClient(database, async client => {
      for (const { name: tableName, columns, keyColumns, rows } of generated) {
        const key = keyColumns === 0 ? '' : `${columns.length > 0 ? ', ' : ''}PRIMARY KEY (${columns.slice(0, keyColumns).map(column => pg.escapeIdentifier(column.name)).join(', ')})`
        await client.query(`CREATE TABLE ${pg.escapeIdentifier(tableName)} (${columns.map(column => `${pg.escapeIdentifier(column.name)} ${column.type}`).join(', ')}${key})`)
        const casts = columns.map((column, index) => `$${index + 1}::text::${column.type}`).join(', ')
        for (const row of rows) await client.query(columns.length === 0 ? `INSERT INTO ${pg.escapeIdentifier(tableName)} DEFAULT VALUES` : `INSERT INTO ${pg.escapeIdentifier(tableName)} VALUES (${casts}) ON CONFLICT DO NOTHING`, columns.length === 0 ? [] : [...row])
      }
    })
  }

  async function withClient (database: string, act: (client: pg.Client) => Promise<void>): Promise<void> {
    const client = new pg.Client({ connectionString: server.url(database) })
    await client.connect()
    try {
      await act(client)
    } finally {
      await client.end()
    }
  }
})
