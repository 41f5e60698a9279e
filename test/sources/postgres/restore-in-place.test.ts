import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import type { PostgresRestorerOptions } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { RestoreItem, Restorer } from '../../../src/sources/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { capturedItems } from './captured-items.ts'
import { createDatabase, inDatabase } from './databases.ts'

const SCHEMA = `
  CREATE TYPE mood AS ENUM ('sad', 'glad');
  CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mood mood DEFAULT 'sad', loud text GENERATED ALWAYS AS (upper(name)) STORED);
  CREATE INDEX users_name ON users (name);
  CREATE TABLE orders (id serial PRIMARY KEY, "user" bigint CONSTRAINT of_user REFERENCES users, note text);
  CREATE TABLE log (line text);
  CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('session_replication_role') = 'replica' THEN RAISE 'the restore woke a trigger'; END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER told AFTER INSERT OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION tell();
  ALTER TABLE users ENABLE ALWAYS TRIGGER told;
  CREATE VIEW names AS SELECT name FROM users;
  CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM names;
  INSERT INTO users (name) SELECT 'user ' || n FROM generate_series(1, 20) n;
  INSERT INTO orders ("user", note) SELECT n, 'order ' || n FROM generate_series(1, 20) n;
  INSERT INTO log VALUES ('a'), ('a'), ('b');
  REFRESH MATERIALIZED VIEW counted;
  SELECT lo_from_bytea(7, 'seven'), lo_create(8), lo_from_bytea(11, 'shared');
  GRANT SELECT ON LARGE OBJECT 11 TO pg_monitor, pg_read_all_data;`

describe('restoring in place', () => {
  let running: TestPostgres
  let server: PostgresServer
  let items: RestoreItem[]
  let client: pg.Client
  const open: Restorer[] = []

  beforeAll(async () => {
    running = await startPostgres({ major: 18 })
    server = new PostgresServer({ url: running.url('postgres'), maxConnections: 10 })
    await createDatabase(running, 'original')
    await inDatabase(running, 'original', async one => { await one.query(SCHEMA) })
    items = await capturedItems(postgresSource({ server, database: 'original' }))
  })
  afterAll(async () => { await running.stop() })
  beforeEach(async () => {
    await inDatabase(running, 'postgres', async one => { await one.query('CREATE DATABASE work TEMPLATE original') })
    client = await server.connect('work')
  })
  afterEach(async () => {
    for (const restorer of open.splice(0)) await restorer.close()
    await server.release(client)
    await inDatabase(running, 'postgres', async one => { await one.query('DROP DATABASE work') }) // fails when somebody is still connected
  })

  const restorer = (options: Partial<PostgresRestorerOptions> = {}): Restorer => {
    const one = postgresRestorer({ server, database: 'work', mode: 'in-place', ...options })
    open.push(one)
    return one
  }
  const named = (...ids: string[]): RestoreItem[] => items.filter(({ id }) => ids.some(wanted => id === `postgres/${wanted}`))
  const rows = async (sql: string): Promise<unknown[]> => (await client.query({ text: sql, rowMode: 'array' })).rows
  const notHeld = async (): Promise<string[]> => {
    const one = restorer()
    const missing: string[] = []
    for (const item of items) if (!await one.holds(item)) missing.push(item.id)
    await one.close()
    return missing
  }

  it('finds nothing to do in an unchanged database', async () => {
    expect(await notHeld()).toEqual([])
    const one = restorer()
    expect(await one.check(items)).toEqual([])
    await one.prepare(items)
    await one.commit()
    expect(await rows('SELECT * FROM log')).toHaveLength(3)
  })

  it('brings back what is missing or other, and leaves the rest alone', async () => {
    await client.query(`
      CREATE TABLE mine (a int); INSERT INTO mine VALUES (1);
      DELETE FROM orders WHERE id > 10; UPDATE users SET name = 'other' WHERE id = 3; DELETE FROM users WHERE id = 15;
      DROP TABLE log; DROP INDEX users_name; SELECT setval('orders_id_seq', 500); REFRESH MATERIALIZED VIEW counted; SELECT lo_unlink(7), lo_put(8, 0, 'x'), lo_create(9)`)
    expect((await notHeld()).sort()).toEqual([
      'postgres/blobs', 'postgres/blobs-owners', 'postgres/object/INDEX public.users_name', 'postgres/object/TABLE public.log', 'postgres/rows/public.log', 'postgres/rows/public.orders', 'postgres/rows/public.users', 'postgres/sequence/public.orders_id_seq',
    ])
    const one = restorer()
    expect(await one.check(items)).toEqual([])
    await one.prepare(items)
    expect(await rows('SELECT count(*)::int FROM orders')).toEqual([[10]])
    await one.commit()
    await one.commit()
    expect(await notHeld()).toEqual([])
    expect(await rows('SELECT * FROM mine')).toEqual([[1]])
    expect(await rows('SELECT n::int FROM counted')).toEqual([[20]])
    expect(await rows("SELECT nextval('orders_id_seq')::int")).toEqual([[21]])
    expect(await rows('SELECT oid::int, convert_from(lo_get(oid), \'UTF8\') FROM pg_largeobject_metadata ORDER BY oid')).toEqual([[7, 'seven'], [8, ''], [11, 'shared']])
    expect(await rows("SELECT tgenabled FROM pg_trigger WHERE tgname = 'told'")).toEqual([['A']])
  })

  it('works with three connections, and never looks at a standby', async () => {
    const small = new PostgresServer({ url: running.url('postgres'), replicaUrl: 'postgres://nobody@127.0.0.1:1', maxConnections: 3 })
    await client.query('DELETE FROM orders')
    const one = restorer({ server: small })
    for (const [id, held] of [['rows/public.orders', false], ['rows/public.log', true]] as const) expect(await one.holds(named(id)[0]!)).toBe(held)
    expect(await one.check(items)).toEqual([])
    await one.prepare(items)
    await one.commit()
  })

  it('shows nothing before commit, and undoes everything, sequences too', async () => {
    await client.query("DELETE FROM orders; SELECT setval('orders_id_seq', 500); DROP INDEX users_name; SELECT lo_unlink(7)")
    for (const end of ['abort', 'close'] as const) {
      const one = restorer()
      await one.prepare(items)
      expect(await rows('SELECT count(*)::int FROM orders')).toEqual([[0]])
      await one[end]()
      await one[end]()
    }
    expect(await rows("SELECT count(*)::int, last_value::int, to_regclass('users_name') FROM orders, orders_id_seq GROUP BY last_value")).toEqual([])
    expect(await rows("SELECT last_value::int, to_regclass('users_name'), (SELECT count(*)::int FROM pg_largeobject_metadata) FROM orders_id_seq")).toEqual([[500, null, 2]])
  })

  it('brings back large objects or their owners alone, and each keeps the other', async () => {
    await client.query("CREATE ROLE holder; ALTER LARGE OBJECT 7 OWNER TO holder; GRANT SELECT ON LARGE OBJECT 8 TO holder; SELECT lo_put(7, 0, 'x'), lo_create(9), lo_from_bytea(10, 'more'); GRANT SELECT ON LARGE OBJECT 11 TO holder; REVOKE ALL ON LARGE OBJECT 11 FROM pg_monitor")
    const blobs = async (): Promise<unknown[]> => await rows("SELECT oid::int, pg_get_userbyid(lomowner), lomacl::text, convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata ORDER BY 1")
    const bring = async (...ids: string[]): Promise<void> => {
      const one = restorer()
      await one.prepare(named(...ids))
      await one.commit()
    }
    await bring('blobs')
    expect(await blobs()).toEqual([[7, 'holder', null, 'seven'], [8, 'postgres', '{postgres=rw/postgres,holder=r/postgres}', ''], [9, 'postgres', null, ''], [11, 'postgres', '{postgres=rw/postgres,pg_read_all_data=r/postgres,holder=r/postgres}', 'shared']])
    await bring('blobs-owners')
    expect(await blobs()).toEqual([[7, 'postgres', null, 'seven'], [8, 'postgres', null, ''], [11, 'postgres', '{postgres=rw/postgres,pg_monitor=r/postgres,pg_read_all_data=r/postgres}', 'shared']])
    await client.query('DROP ROLE holder')
  })

  it('rolls back when rows would break a foreign key, and says which', async () => {
    await client.query("INSERT INTO users (name) VALUES ('late'); INSERT INTO orders (\"user\") SELECT max(id) FROM users")
    const one = restorer()
    await expect(one.prepare(named('rows/public.users'))).rejects.toMatchObject({
      code: 'TARGET_DIFFERS', data: { broken: [{ constraint: 'of_user', table: 'public.orders', rows: '1' }] },
    })
    await one.commit()
    expect(await rows('SELECT count(*)::int FROM users')).toEqual([[21]])
    await one.prepare(named('rows/public.users', 'rows/public.orders'))
    await one.commit()
    expect(await rows('SELECT count(*)::int FROM users')).toEqual([[20]])
  })

  it('refuses objects that are there with another definition, and tables that lack columns', async () => {
    await client.query('ALTER TABLE log ADD COLUMN more int; ALTER TABLE orders RENAME COLUMN note TO other')
    const one = restorer()
    expect(await one.check(items)).toMatchObject([
      { code: 'TARGET_EXISTS', data: { items: ['postgres/object/TABLE public.log', 'postgres/object/TABLE public.orders'] } },
      { code: 'TARGET_EXISTS', data: { item: 'postgres/rows/public.orders', columns: ['note'] } },
    ])
    await expect(one.prepare(items)).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
    expect(await one.check(named('rows/public.log'))).toEqual([])
  })

  it('replaces the rows of a table that is published without an identity of its rows', async () => {
    await client.query("DELETE FROM log; INSERT INTO log VALUES ('c'); CREATE PUBLICATION p FOR TABLE log")
    const one = restorer()
    await one.prepare(named('rows/public.log'))
    await one.commit()
    expect(await rows('SELECT line FROM log ORDER BY 1')).toEqual([['a'], ['a'], ['b']])
  })

  it('says when rows came back otherwise than they were', async () => {
    await client.query("UPDATE log SET line = 'c'")
    const lying = named('rows/public.log').map(item => ({ ...item, matches: async () => false }))
    await expect(restorer().prepare(lying)).rejects.toMatchObject({ code: 'TARGET_DIFFERS', data: { items: ['postgres/rows/public.log'] } })
    expect(await rows('SELECT DISTINCT line FROM log')).toEqual([['c']])
  })

  it('takes one table, with what it needs, into a scratch schema', async () => {
    const chosen = items.filter(({ id }) => /public\.(users|mood)/.test(id) && !/TRIGGER|MATERIALIZED|FK /.test(id))
    expect(chosen.map(({ id }) => id)).toContain('postgres/object/INDEX public.users_name')
    const one = restorer({ schemas: { public: 'scratch' } })
    expect(await one.check(chosen)).toEqual([])
    await one.prepare(chosen)
    await one.commit()
    expect(await rows("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'scratch'::regnamespace ORDER BY 1")).toEqual([['users', 'r'], ['users_id_seq', 'S'], ['users_name', 'i'], ['users_pkey', 'i']])
    expect(await rows('SELECT * FROM scratch.users EXCEPT SELECT id, name, mood::text::scratch.mood, loud FROM public.users')).toEqual([])
    expect(await rows("INSERT INTO scratch.users (name) VALUES ('next') RETURNING id::int, mood::text")).toEqual([[21, 'sad']])
    expect(await rows('SELECT count(*)::int, max(id)::int FROM public.users')).toEqual([[20, 20]])
    for (const item of chosen) if (item.kind === 'pg.rows') expect(await one.holds(item)).toBe(false)
    await client.query("DELETE FROM scratch.users WHERE name = 'next'")
    const again = restorer({ schemas: { public: 'scratch' } })
    for (const item of chosen) if (item.kind === 'pg.rows') expect(await again.holds(item)).toBe(true)
    expect(await again.check(chosen)).toEqual([])
    await again.prepare(chosen)
    await again.commit()
  })

  it('needs the right to silence triggers', async () => {
    await client.query("CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT ALL ON ALL TABLES IN SCHEMA public TO plain; GRANT pg_read_all_data TO plain")
    const plain = new PostgresServer({ url: `postgres://plain:plain@${running.host}:${running.port}` })
    const one = restorer({ server: plain })
    const [users] = named('rows/public.log')
    await client.query('DELETE FROM log')
    expect(await one.check([users!])).toMatchObject([{ code: 'SOURCE_DENIED' }])
    await expect(one.prepare([users!])).rejects.toMatchObject({ code: 'SOURCE_DENIED' })
    await client.query('GRANT SET ON PARAMETER session_replication_role TO plain')
    expect(await one.check([users!])).toEqual([])
    await one.prepare([users!])
    await one.commit()
    expect(await rows('SELECT count(*)::int FROM log')).toEqual([[3]])
    await client.query('REVOKE SET ON PARAMETER session_replication_role FROM plain; DROP OWNED BY plain; DROP ROLE plain')
  })

  it('gives up when somebody else holds a table for too long', async () => {
    await client.query('BEGIN; UPDATE orders SET note = note')
    await expect(restorer({ lockTimeoutMs: 50 }).prepare(named('rows/public.orders', 'rows/public.log'))).rejects.toMatchObject({ code: 'TARGET_FAILED', message: expect.stringContaining('lock') as string })
    await client.query('ROLLBACK')
  })

  it('stops at a signal and leaves the database as it was', async () => {
    await client.query('DELETE FROM orders')
    const controller = new AbortController()
    const reason = new Error('stopped by the test')
    await expect(restorer().prepare(items, { signal: controller.signal, onItem: ({ kind }) => { if (kind === 'pg.rows') controller.abort(reason) } })).rejects.toBe(reason)
    expect(await rows('SELECT count(*)::int FROM orders')).toEqual([[0]])
  })

  it('names the database that is not there', async () => {
    expect(await restorer({ database: 'nowhere' }).check(items)).toMatchObject([{ code: 'INVALID_OPTION' }])
    expect(await restorer({ database: 'nowhere' }).holds(items[0]!)).toBe(false)
  })
})
