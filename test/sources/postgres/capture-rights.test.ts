import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import type { PostgresSourceOptions } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Content } from '../../../src/sources/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured, linesOf } from './captured-artifacts.ts'
import { createDatabase, inDatabase } from './databases.ts'
import { PATIENT } from './patience.ts'

describe.each([15, 18] as const)('who may capture what, on PostgreSQL %i', major => {
  let postgres: TestPostgres

  beforeAll(async () => {
    postgres = await startPostgres({ major })
    await inDatabase(postgres, 'postgres', async client => {
      await client.query(`
        CREATE ROLE reader LOGIN PASSWORD 'reader';
        CREATE ROLE bypasser LOGIN PASSWORD 'bypasser' BYPASSRLS;
        GRANT pg_read_all_data TO reader, bypasser`)
      await client.query('CREATE TABLE open (id integer PRIMARY KEY); INSERT INTO open VALUES (1)')
    })
    await createDatabase(postgres, 'secured')
    await inDatabase(postgres, 'secured', async client => {
      await client.query(`
        CREATE TABLE secrets (id integer PRIMARY KEY, owner name);
        INSERT INTO secrets VALUES (1, 'reader'), (2, 'somebody else');
        ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
        CREATE POLICY mine ON secrets USING (owner = CURRENT_USER);
        CREATE TABLE plain (id integer PRIMARY KEY)`)
    })
    await createDatabase(postgres, 'denied')
    await inDatabase(postgres, 'denied', async client => {
      await client.query(`
        CREATE TABLE granted (id integer PRIMARY KEY);
        CREATE TABLE kept (id integer PRIMARY KEY);
        CREATE SCHEMA hidden; CREATE TABLE hidden.inside (id serial PRIMARY KEY);
        CREATE ROLE narrow LOGIN PASSWORD 'narrow'; GRANT SELECT ON granted, hidden.inside TO narrow`)
    })
    await createDatabase(postgres, 'objects')
    await inDatabase(postgres, 'objects', async client => { await client.query('SELECT lo_create(1)') })
  })
  afterAll(async () => { await postgres.stop() })

  const as = (user: string, options: Omit<PostgresSourceOptions, 'server'>): ReturnType<typeof postgresSource> =>
    postgresSource({ server: new PostgresServer({ url: `postgres://${user}:${user}@127.0.0.1:${postgres.port}` }), ...options })

  it('refuses rather than leave rows out, and names the tables', async () => {
    await expect(as('reader', { database: 'secured' }).capture()).rejects.toMatchObject({ code: 'ROW_SECURITY', data: { tables: ['public.secrets'] }, message: expect.stringContaining('BYPASSRLS') as string })
  })

  it('gives all rows to a user whom row security does not concern', async () => {
    const { artifacts } = await captured(as('bypasser', { database: 'secured' }))
    expect(linesOf(artifacts.get('postgres/rows/public.secrets')?.text)).toEqual(['1\treader', '2\tsomebody else'])
  })

  it('lets a filtered table be left out', async () => {
    const { artifacts } = await captured(as('reader', { database: 'secured', excludeTables: [{ schema: 'public', table: 'secrets' }] }))
    expect([...artifacts.keys()].filter(id => id.includes('/rows/'))).toEqual(['postgres/rows/public.plain'])
  })

  it('names all tables that the user may not read', async () => {
    await expect(as('narrow', { database: 'denied' }).capture()).rejects.toMatchObject({ code: 'SOURCE_DENIED', data: { tables: expect.arrayContaining(['public.kept', 'hidden.inside']) as string[] } })
  })

  it('names sequences that the user may not read', async () => {
    await inDatabase(postgres, 'denied', async client => { await client.query('GRANT USAGE ON SCHEMA hidden TO narrow; GRANT SELECT ON kept TO narrow') })
    await expect(as('narrow', { database: 'denied' }).capture()).rejects.toMatchObject({ code: 'SOURCE_DENIED', message: expect.stringContaining('inside_id_seq') as string })
  })

  it('says what is needed for large objects', async () => {
    await expect(as('narrow', { database: 'objects' }).capture()).rejects.toMatchObject({ code: 'SOURCE_DENIED', message: expect.stringContaining('pg_largeobject') as string })
  })

  it('says SOURCE_AUTH and SOURCE_MISSING as the server does', async () => {
    await expect(as('nobody', { database: 'secured' }).capture()).rejects.toMatchObject({ code: 'SOURCE_AUTH' })
    await expect(as('reader', { database: 'nowhere' }).capture()).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  it.each([
    ['a name with capitals', { name: 'Main' }],
    ['a single connection', { connections: 1 }],
  ])('refuses %s', (_, options) => {
    expect(() => as('reader', { database: 'secured', ...options })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('manages with a budget of two connections, and two captures share it', async () => {
    const server = new PostgresServer({ url: postgres.url('x'), maxConnections: 2 })
    const sources = ['postgres', 'secured', 'objects'].map(database => postgresSource({ server, database }))
    const all = await Promise.all(sources.map(async source => await captured(source)))
    expect(all.map(({ artifacts }) => artifacts.has('postgres/database'))).toEqual([true, true, true])
  })

  it('refuses a budget that can never do', async () => {
    const server = new PostgresServer({ url: postgres.url('x'), maxConnections: 1 })
    await expect(postgresSource({ server, database: 'postgres' }).capture()).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('leaves nothing behind on the server when it is closed while rows are read', async () => {
    const server = new PostgresServer({ url: postgres.url('x') })
    await inDatabase(postgres, 'postgres', async client => { await client.query("CREATE TABLE long AS SELECT i AS id, repeat('x', 1000) AS text FROM generate_series(1, 50000) AS i") })
    const capture = await postgresSource({ server, database: 'postgres' }).capture()
    for await (const { id, content } of capture.artifacts()) if (id.endsWith('rows/public.long')) await read(content).next()
    await capture.close()
    await inDatabase(postgres, 'postgres', async client => {
      await expect.poll(async () => (await client.query("SELECT FROM pg_stat_activity WHERE application_name IN ('caf', 'pg_dump')")).rowCount, PATIENT).toBe(0)
      await client.query('DROP TABLE long')
    })
  })

  it('stops opening when the signal is aborted', async () => {
    const server = new PostgresServer({ url: postgres.url('x') })
    await inDatabase(postgres, 'postgres', async client => {
      await client.query('BEGIN; LOCK TABLE open')
      const controller = new AbortController()
      const capturing = postgresSource({ server, database: 'postgres' }).capture({ signal: controller.signal })
      const outcome = expect(capturing).rejects.toThrow('no longer wanted')
      await expect.poll(async () => (await client.query("SELECT FROM pg_locks WHERE NOT granted AND relation = 'open'::regclass")).rowCount, PATIENT).toBe(1)
      controller.abort(new Error('no longer wanted'))
      await outcome
      await client.query('ROLLBACK')
      await expect.poll(async () => (await client.query("SELECT FROM pg_stat_activity WHERE application_name = 'caf'")).rowCount, PATIENT).toBe(0)
    })
  })
})

function read (content: Content): AsyncIterator<Uint8Array> {
  if (content.form === 'files') throw new Error('a folder tree')
  return content.read()[Symbol.asyncIterator]()
}
