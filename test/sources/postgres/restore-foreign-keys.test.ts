import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkForeignKeys } from '../../../src/sources/postgres/restore-foreign-keys.ts'
import { openSession } from '../../../src/sources/postgres/restore-session.ts'
import { viewsToRefresh } from '../../../src/sources/postgres/restore-views.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'

const SCHEMA = `
  CREATE SCHEMA "Odd.Schema";
  CREATE COLLATION "Odd.Schema".other (provider = icu, locale = 'de');
  CREATE TABLE public.a (x int, y text COLLATE "C", PRIMARY KEY (x, y), z varchar UNIQUE);
  CREATE TABLE "Odd.Schema"."b b" (x bigint, "Y" text COLLATE "Odd.Schema".other, z text,
    CONSTRAINT simple FOREIGN KEY (x, "Y") REFERENCES public.a (x, y), CONSTRAINT "full" FOREIGN KEY ("Y", x) REFERENCES public.a (y, x) MATCH FULL, FOREIGN KEY (z) REFERENCES public.a (z));
  CREATE TABLE public.p (k int PRIMARY KEY, up int REFERENCES public.p) PARTITION BY RANGE (k);
  CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (10);
  CREATE TABLE public.p2 PARTITION OF public.p FOR VALUES FROM (10) TO (20);
  CREATE TABLE public.other (k int REFERENCES public.p, late int);
  ALTER TABLE public.other ADD CONSTRAINT unchecked FOREIGN KEY (late) REFERENCES public.p NOT VALID;
  CREATE VIEW public.v AS SELECT k FROM public.p;
  CREATE MATERIALIZED VIEW public.z AS SELECT k FROM public.v;
  CREATE MATERIALIZED VIEW public.m AS SELECT count(*) FROM public.z;
  CREATE MATERIALIZED VIEW public.empty AS SELECT k FROM public.v WITH NO DATA;
  CREATE MATERIALIZED VIEW public.unrelated AS SELECT 1;`

describe.each([15, 18] as const)('foreign keys and views on PostgreSQL %i', major => {
  let running: TestPostgres
  let server: PostgresServer
  let client: pg.Client

  beforeAll(async () => {
    running = await startPostgres({ major })
    server = new PostgresServer({ url: running.url('postgres') })
    client = await openSession(server, 'postgres', { maintenanceWorkMem: '16MB', durable: 'always' })
    await client.query(SCHEMA)
    await client.query('SET session_replication_role = replica')
  })
  afterAll(async () => {
    await server.release(client)
    await running.stop()
  })

  const broken = async (table: string, rows: string): Promise<unknown> => {
    await client.query('BEGIN')
    await client.query(rows)
    const [schema = '', name = ''] = table.split('/')
    try {
      await checkForeignKeys(client, [{ schema, name }])
      return []
    } catch (error) {
      return (error as { data: { broken: Array<{ constraint: string, rows: string }> } }).data.broken.map(({ constraint, rows: count }) => `${constraint} ${count}`)
    } finally {
      await client.query('ROLLBACK')
    }
  }

  it.each([
    ['public/a', "INSERT INTO public.a VALUES (1, 'x', 'v'); INSERT INTO \"Odd.Schema\".\"b b\" VALUES (1, 'x', 'v'), (NULL, NULL, NULL)", []],
    ['public/a', "INSERT INTO \"Odd.Schema\".\"b b\" VALUES (1, 'x', 'v'), (2, 'x', NULL)", ['b b_z_fkey 1', 'full 2', 'simple 2']],
    ['Odd.Schema/b b', 'INSERT INTO "Odd.Schema"."b b" VALUES (1, NULL, NULL)', ['full 1']],
    ['public/p1', 'INSERT INTO public.p VALUES (1, 15), (15, 1); INSERT INTO public.other VALUES (15, 99)', []],
    ['public/p2', 'INSERT INTO public.p VALUES (1, 15); INSERT INTO public.other VALUES (15)', ['other_k_fkey 1', 'p_up_fkey 1']],
    ['public/other', 'INSERT INTO public.p VALUES (1, 15)', []],
  ])('finds what is broken around %s', async (table, rows, expected) => { expect(await broken(table, rows)).toEqual(expected) })

  it.runIf(major >= 18)('counts keys with periods as the server does, and passes over those not enforced (from PostgreSQL 18 on)', async () => {
    const schema = `
      CREATE EXTENSION btree_gist WITH SCHEMA public;
      CREATE TABLE public.room (id int, at int4range, PRIMARY KEY (id, at WITHOUT OVERLAPS));
      CREATE TABLE public.booking (id int, at int4range, FOREIGN KEY (id, PERIOD at) REFERENCES public.room (id, PERIOD at), other int REFERENCES public.p NOT ENFORCED);
      INSERT INTO public.room VALUES (1, '[1,5)'), (1, '[5,9)');`
    expect(await broken('public/room', `${schema} INSERT INTO public.booking VALUES (1, '[2,8)', 77), (1, NULL, 78)`)).toEqual([])
    expect(await broken('public/room', `${schema} INSERT INTO public.booking VALUES (1, '[2,10)'), (2, '[1,2)')`)).toEqual(['booking_id_at_fkey 2'])
  })

  it('finds the populated views that show a table, each after those it reads', async () => {
    const [p1, other, z, m, empty, unrelated] = ['p1', 'other', 'z', 'm', 'empty', 'unrelated'].map(name => ({ schema: 'public', name }))
    expect(await viewsToRefresh(client, [p1!], [])).toEqual([z, m])
    expect(await viewsToRefresh(client, [other!], [])).toEqual([])
    expect(await viewsToRefresh(client, [p1!], [m!, empty!, unrelated!])).toEqual([unrelated, empty, z, m])
    expect(await viewsToRefresh(client, [], [z!])).toEqual([z, m])
  })
})
