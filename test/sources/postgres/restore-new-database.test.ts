import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import type { PostgresRestorerOptions } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { RestoreItem, Restorer } from '../../../src/sources/source.ts'
import { collect } from '../../../src/stream.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { capturedItems, item } from './captured-items.ts'
import { createDatabase, inDatabase } from './databases.ts'

const SCHEMA = `
  CREATE ROLE keeper; CREATE ROLE "Odd ""reader""" LOGIN;
  CREATE EXTENSION hstore;
  CREATE TABLE kept (id int PRIMARY KEY, h hstore); INSERT INTO kept VALUES (1, 'a=>1');
  ALTER TABLE kept OWNER TO keeper; GRANT SELECT ON kept TO "Odd ""reader""";
  ALTER DATABASE app OWNER TO keeper; GRANT CONNECT ON DATABASE app TO "Odd ""reader""" WITH GRANT OPTION; REVOKE CONNECT ON DATABASE app FROM PUBLIC;
  ALTER DATABASE app SET search_path = '$user', "A, b", public; ALTER DATABASE app SET work_mem = '5MB'; ALTER ROLE keeper IN DATABASE app SET app.custom = 'x, y';
  ALTER DATABASE app SET default_transaction_read_only = on; ALTER DATABASE app SET statement_timeout = '5s';
  COMMENT ON DATABASE app IS 'the app';`

describe('restoring into a new database', () => {
  let running: TestPostgres
  let server: PostgresServer
  let items: RestoreItem[]
  let admin: pg.Client
  const open: Restorer[] = []

  beforeAll(async () => {
    running = await startPostgres({ major: 15 })
    server = new PostgresServer({ url: running.url('postgres'), maxConnections: 6 })
    await createDatabase(running, 'app', "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'")
    await inDatabase(running, 'app', async client => { await client.query(SCHEMA) })
    items = await capturedItems(postgresSource({ server, database: 'app' }))
    await inDatabase(running, 'postgres', async client => { await client.query('ALTER DATABASE app RENAME TO original') })
  })
  afterAll(async () => { await running.stop() })
  beforeEach(async () => { admin = await server.connect('postgres') })
  afterEach(async () => {
    for (const restorer of open.splice(0)) await restorer.close()
    expect(await rows("SELECT datname FROM pg_stat_activity WHERE application_name = 'caf' AND pid <> pg_backend_pid()")).toEqual([])
    for (const name of ['app', 'app__restoring', 'app__replaced']) await admin.query(`DROP DATABASE IF EXISTS ${name}`)
    await server.release(admin)
  })

  const restorer = (options: Partial<PostgresRestorerOptions> = {}): Restorer => {
    const one = postgresRestorer({ server, database: 'app', mode: 'create', ...options })
    open.push(one)
    return one
  }
  const rows = async (sql: string): Promise<unknown[]> => (await admin.query({ text: sql, rowMode: 'array' })).rows
  const databases = async (): Promise<unknown[]> => (await rows("SELECT datname FROM pg_database WHERE datname LIKE 'app%' ORDER BY 1")).flat()
  const named = (id: string): RestoreItem => items.find(one => one.id === `postgres/${id}`)!
  const withSql = (id: string, sql: string): RestoreItem[] => items.map(one => one.id === `postgres/object/${id}` ? item({ id: one.id, kind: one.kind, deps: one.deps, attributes: one.attributes }, sql) : one)
  /** Prepares and undoes. */
  const attempt = async (given: readonly RestoreItem[]): Promise<void> => {
    const one = restorer()
    try {
      await one.prepare(given)
    } finally {
      await one.abort()
      await one.close()
    }
  }
  const create = async (sql = 'SELECT 1'): Promise<void> => {
    await createDatabase(running, 'app')
    await inDatabase(running, 'app', async client => { await client.query(sql) })
  }

  it('gives the database its locale, settings, owner, rights and comment', async () => {
    const one = restorer()
    expect(await one.check(items)).toEqual([])
    await one.prepare(items)
    expect(await databases()).toEqual(['app__restoring'])
    await one.commit()
    const facts = (name: string): string => `
      SELECT datcollate, datctype, daticulocale, pg_get_userbyid(datdba), datacl::text, shobj_description(d.oid, 'pg_database'),
        ARRAY(SELECT setrole::regrole || setting FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE setdatabase = d.oid ORDER BY 1)::text FROM pg_database d WHERE datname = '${name}'`
    expect((await rows(facts('app')))[0]).toEqual([...(await rows(facts('original')))[0] as unknown[]].with(5, 'the app'))
    await one.close()
    const again = restorer()
    for (const held of items) expect(await again.holds(held), held.id).toBe(true)
    expect(await again.check(items)).toMatchObject([{ code: 'TARGET_EXISTS' }])
  })

  it('holds nothing of a database that is not there, and of one to be replaced', async () => {
    expect(await restorer().holds(named('rows/public.kept'))).toBe(false)
    await create()
    expect(await restorer().holds(named('rows/public.kept'))).toBe(false)
    expect(await restorer({ replace: 'swap' }).holds(named('database'))).toBe(false)
  })

  it('refuses a database that exists, also one that came while it was building', async () => {
    const one = restorer()
    await one.prepare(items)
    await create('CREATE TABLE theirs ()')
    expect(await restorer().check(items)).toMatchObject([{ code: 'TARGET_EXISTS', data: { database: 'app' } }])
    await expect(one.commit()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
    await one.abort()
    await one.abort()
    expect(await databases()).toEqual(['app'])
  })

  it.each(['drop', 'keep'] as const)('replaces a database and %ss the old one', async replaced => {
    await create('CREATE TABLE old ()')
    const one = restorer({ replace: 'swap', replaced })
    expect(await one.check(items)).toEqual([])
    await one.prepare(items)
    await one.commit()
    await one.commit()
    expect(await databases()).toEqual(replaced === 'drop' ? ['app'] : ['app', 'app__replaced'])
    if (replaced === 'drop') return
    const next = restorer({ replace: 'swap', replaced: 'drop' })
    await one.close()
    await next.prepare(items)
    await next.commit()
    expect(await databases()).toEqual(['app'])
  })

  it('says beforehand what keeps a database from being replaced', async () => {
    await create("CREATE SUBSCRIPTION s CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false)")
    expect(await restorer({ replace: 'swap' }).check(items)).toMatchObject([{ code: 'TARGET_EXISTS', data: { what: ['subscription s'] } }])
    expect(await restorer({ replace: 'swap', replaced: 'keep' }).check(items)).toEqual([])
    await inDatabase(running, 'app', async client => { await client.query('ALTER SUBSCRIPTION s SET (slot_name = NONE)') })
    const one = restorer({ replace: 'swap' })
    expect(await one.check(items)).toEqual([])
    await one.prepare(items)
    await one.commit()
    expect(await databases()).toEqual(['app'])
  })

  it('works only where nobody else does', async () => {
    await admin.query('CREATE DATABASE app__restoring')
    const one = restorer()
    expect(await one.check(items)).toMatchObject([{ code: 'TARGET_EXISTS', data: { database: 'app__restoring' } }])
    await expect(one.prepare(items)).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
    await one.abort()
    await one.commit()
    expect(await databases()).toEqual(['app__restoring'])
  })

  it('begins again after a restore that was cut off, and finishes none that was not', async () => {
    const broken = restorer()
    await expect(broken.prepare(withSql('TABLE public.kept', 'CREATE TABLE public.other (id int);'))).rejects.toMatchObject({ code: 'TARGET_FAILED' })
    await broken.close()
    expect(await databases()).toEqual(['app__restoring'])
    const one = restorer()
    await expect(one.commit()).rejects.toMatchObject({ code: 'TARGET_FAILED', message: expect.stringContaining('never finished') as string })
    await one.prepare(items)
    await one.commit()
    expect(await databases()).toEqual(['app'])
  })

  it('lists the roles that are missing, with commands that make them', async () => {
    await admin.query('ALTER ROLE keeper RENAME TO gone; ALTER ROLE "Odd ""reader""" RENAME TO lost')
    try {
      const [problem, ...others] = await restorer().check(items)
      expect(others).toEqual([])
      expect(problem).toMatchObject({ code: 'ROLE_MISSING', data: { roles: ['Odd "reader"', 'keeper'], commands: ['CREATE ROLE "Odd ""reader""" LOGIN;', 'CREATE ROLE "keeper";'] } })
      expect(await restorer({ owners: 'skip' }).check(items)).toEqual([])
      const one = restorer({ owners: 'skip' })
      await one.prepare(items)
      await one.commit()
      expect(await rows("SELECT pg_get_userbyid(datdba), datacl FROM pg_database WHERE datname = 'app'")).toEqual([['postgres', null]])
    } finally {
      await admin.query('ALTER ROLE gone RENAME TO keeper; ALTER ROLE lost RENAME TO "Odd ""reader"""')
    }
  })

  it('lists the extensions that are not available', async () => {
    const missing = withSql('EXTENSION hstore', 'CREATE EXTENSION IF NOT EXISTS vectors_of_the_future WITH SCHEMA public;')
    expect(await restorer().check(missing)).toMatchObject([{ code: 'EXTENSION_MISSING', data: { extensions: ['vectors_of_the_future'] } }])
  })

  it('runs no SQL that does not belong to an object', async () => {
    const evil = withSql('TABLE public.kept', "CREATE TABLE public.kept (id int, h public.hstore);\nCOPY public.kept FROM PROGRAM 'touch /tmp/caf-was-here';")
    expect(await restorer().check(evil)).toMatchObject([{ code: 'SOURCE_UNSUPPORTED', data: { item: 'postgres/object/TABLE public.kept' } }])
    await expect(attempt(evil)).rejects.toMatchObject({ code: 'SOURCE_UNSUPPORTED' })
  })

  it('says what a database needs that this server does not have', async () => {
    const facts = JSON.parse(Buffer.from(await collect(named('database').read(), { limit: 1e6 })).toString()) as object
    const changed = (other: object): RestoreItem[] => [item({ id: 'postgres/database', kind: 'pg.database' }, JSON.stringify({ ...facts, ...other }))]
    expect(await restorer().check(changed({ localeProvider: 'builtin', locale: 'C.UTF-8' }))).toMatchObject([{ code: 'SOURCE_UNSUPPORTED' }])
    expect(await restorer().check(changed({ collate: 'xx_YY.UTF-8' }))).toMatchObject([{ code: 'SOURCE_UNSUPPORTED', data: { locales: ['xx_YY.UTF-8'] } }])
    await expect(restorer().check(changed({ encoding: "UTF8' OWNER 'x" }))).rejects.toMatchObject({ code: 'BLOCK_INVALID' })
    await expect(attempt(changed({ settings: [{ role: null, name: 'work_mem = 1; --', value: '' }] }))).rejects.toMatchObject({ code: 'BLOCK_INVALID' })
  })

  it('names the item that fails, and what came back otherwise', async () => {
    const rowsItem = named('rows/public.kept')
    const replaced = (other: RestoreItem): RestoreItem[] => items.map(one => one.id === other.id ? other : one)
    const short = item({ id: rowsItem.id, kind: rowsItem.kind, deps: rowsItem.deps, attributes: rowsItem.attributes }, '1\n', { form: 'rows', layout: rowsItem.layout })
    await expect(attempt(replaced(short))).rejects.toMatchObject({ code: 'TARGET_FAILED', data: { item: rowsItem.id }, cause: { code: '22P04' } })
    await expect(attempt(replaced({ ...rowsItem, equals: async () => false, matches: async () => false }))).rejects.toMatchObject({ code: 'TARGET_DIFFERS', data: { items: [rowsItem.id] } })
    const damage = Object.assign(new Error('damaged'), { name: 'AbortError' })
    await expect(attempt(replaced({ ...rowsItem, async * read () { yield Buffer.from('1\t'); throw damage } }))).rejects.toBe(damage)
  })

  it('lets only one process restore into a database', async () => {
    await restorer().prepare(items)
    const controller = new AbortController()
    const waiting = restorer().prepare(items, { signal: controller.signal })
    const reason = new Error('stopped by the test')
    setTimeout(() => { controller.abort(reason) }, 200)
    await expect(waiting).rejects.toBe(reason)
    await open[0]!.abort()
  })

  it.each([0, 2, 5])('stops at a signal after %i items', async count => {
    const controller = new AbortController()
    const reason = new Error('stopped by the test')
    let done = 0
    if (count === 0) controller.abort(reason)
    const one = restorer()
    await expect(one.prepare(items, { signal: controller.signal, onItem: () => { if (++done === count) controller.abort(reason) } })).rejects.toBe(reason)
    await one.abort()
    expect(await databases()).toEqual([])
  })

  it('works with three connections, and says so when there are fewer', async () => {
    const one = restorer({ server: new PostgresServer({ url: running.url('postgres'), maxConnections: 3 }) })
    await one.prepare(items)
    await one.commit()
    expect(() => restorer({ server: new PostgresServer({ url: running.url('postgres'), maxConnections: 2 }) })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('needs the right to create databases, and membership in the owners unless they are left out', async () => {
    await admin.query("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    try {
      const plain = restorer({ server: new PostgresServer({ url: `postgres://plain:plain@${running.host}:${running.port}` }) })
      expect(await plain.check(items)).toMatchObject([{ code: 'SOURCE_DENIED' }, { code: 'SOURCE_DENIED', data: { roles: ['keeper'] } }])
      await admin.query('ALTER ROLE plain CREATEDB')
      const server = new PostgresServer({ url: `postgres://plain:plain@${running.host}:${running.port}` })
      const mine = restorer({ server, owners: 'skip' })
      expect(await mine.check(items)).toEqual([])
      await mine.prepare(items)
      await mine.commit()
      expect(await rows("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'app'")).toEqual([['plain']])
      await mine.close()
      await admin.query('DROP DATABASE app')
      const wrong = restorer({ server: new PostgresServer({ url: `postgres://plain:wrong@${running.host}:${running.port}` }) })
      expect(await wrong.check(items)).toMatchObject([{ code: 'SOURCE_AUTH' }])
    } finally {
      await admin.query('DROP ROLE plain')
    }
  })

  it.each([
    { database: '' }, { database: 'x'.repeat(60) }, { schemas: { a: 'b' } }, { concurrency: 0 }, { maintenanceWorkMem: "1'; DROP" }, { lockTimeoutMs: -1 }, { mode: 'in-place', replace: 'swap' },
  ] as const)('refuses %j', options => {
    expect(() => restorer(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})
