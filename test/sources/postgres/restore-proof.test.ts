import { once } from 'node:events'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { batchesOf } from '../../../src/sources/postgres/restore-objects.ts'
import { stagesOf } from '../../../src/sources/postgres/restore-stages.ts'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { RestoreItem } from '../../../src/sources/source.ts'
import type { AbortOptions } from '../../../src/stream.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { capturedItems, item } from './captured-items.ts'
import { createDatabase, inDatabase } from './databases.ts'

/** Tables that refer to each other in both directions, to themselves and to a partitioned one; indexes; one without a key. */
const SCHEMA = `
  CREATE TABLE a (id int PRIMARY KEY, b int, t text); CREATE TABLE b (id int PRIMARY KEY, a int, t text UNIQUE);
  CREATE TABLE c (id int PRIMARY KEY, parent int REFERENCES c, a int REFERENCES a); CREATE TABLE heap (x int, t text);
  CREATE TABLE large (day date, id bigint, t text, PRIMARY KEY (day, id)); INSERT INTO large SELECT date '2026-01-01' - i % 9, i, repeat('l', i % 400) FROM generate_series(-999, 2000) i;
  CREATE TABLE named (name text PRIMARY KEY, a int REFERENCES a); CREATE TABLE bare (id int NOT NULL); INSERT INTO bare SELECT generate_series(1, 100); CREATE UNIQUE INDEX bare_id ON bare (id); INSERT INTO named SELECT 'n' || i FROM generate_series(1, 100) i;
  CREATE TABLE p (id int PRIMARY KEY, a int REFERENCES a) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (500); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (500) TO (5000);
  INSERT INTO a SELECT i, i, repeat('a', i % 50) FROM generate_series(1, 1000) i; INSERT INTO b SELECT i, i, 'b' || i FROM generate_series(1, 1000) i;
  INSERT INTO c SELECT i, CASE WHEN i > 1 THEN i / 2 END, i FROM generate_series(1, 1000) i; INSERT INTO heap SELECT i % 10, i FROM generate_series(1, 1000) i; INSERT INTO heap SELECT * FROM heap;
  INSERT INTO p SELECT i, i FROM generate_series(1, 1000) i;
  ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b; ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a; ALTER TABLE c ADD FOREIGN KEY (id) REFERENCES p;
  CREATE INDEX a_b ON a (b); CREATE INDEX a_t ON a (t); CREATE INDEX c_a ON c (a); CREATE INDEX p_a ON p (a); COMMENT ON INDEX a_b IS 'of a';
  CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;`

describe('a database that is built by several connections', () => {
  let running: TestPostgres
  let server: PostgresServer
  let items: RestoreItem[]
  let admin: pg.Client

  beforeAll(async () => {
    running = await startPostgres({ major: 15 })
    server = new PostgresServer({ url: running.url('postgres'), maxConnections: 6 })
    await createDatabase(running, 'original')
    await inDatabase(running, 'original', async client => { await client.query(SCHEMA) })
    items = await capturedItems(postgresSource({ server, database: 'original' }))
  })
  afterAll(async () => { await running.stop() })
  beforeEach(async () => { admin = await server.connect('postgres') })
  afterEach(async () => {
    expect((await admin.query("SELECT datname FROM pg_database WHERE datname LIKE '%restoring'")).rows).toEqual([])
    await admin.query('DROP DATABASE IF EXISTS app')
    await server.release(admin)
  })

  const named = (id: string): RestoreItem => items.find(one => one.id === `postgres/${id}`)!
  const changed = (id: string, change: (old: RestoreItem) => RestoreItem): RestoreItem[] => items.map(one => one.id === `postgres/${id}` ? change(one) : one)
  const withSql = async (id: string, change: (sql: string) => string): Promise<RestoreItem[]> => await Array.fromAsync(items, async one => {
    if (one !== named(`object/${id}`)) return one
    const { kind, deps, attributes } = one
    return item({ id: one.id, kind, deps, attributes }, change(Buffer.concat(await Array.fromAsync(one.read())).toString()))
  })
  const restore = async (given: readonly RestoreItem[], options: AbortOptions & { readonly maxConnections?: number } = {}): Promise<void> => {
    const restorer = postgresRestorer({ database: 'app', mode: 'create', server: new PostgresServer({ url: running.url('postgres'), maxConnections: options.maxConnections ?? 5 }) })
    try {
      await restorer.prepare(given, options)
      await restorer.commit()
    } finally {
      await restorer.abort()
      await restorer.close()
    }
  }

  it.each([3, 4, 6])('comes back whole with %i connections', async maxConnections => {
    await restore(items, { maxConnections })
    const back = await capturedItems(postgresSource({ server, database: 'app' }))
    for (const one of items.filter(({ kind }) => kind === 'pg.rows')) {
      const other = back.find(({ id }) => id === one.id)!
      expect(await one.matches({ form: 'rows', layout: other.layout!, read: () => other.read() }), one.id).toBe(true)
    }
    expect(back.map(({ id }) => id).sort()).toEqual(items.map(({ id }) => id).sort())
  })

  it('has rows that are born frozen, and nothing of the sessions that built it', async () => {
    await restore(items)
    await inDatabase(running, 'app', async client => {
      expect((await client.query('SELECT setdatabase, setconfig FROM pg_db_role_setting')).rows).toEqual([])
      expect((await client.query("SELECT name FROM pg_settings WHERE source IN ('database', 'user', 'database user')")).rows).toEqual([])
      const visible = `SELECT sum(relallvisible) AS visible FROM pg_class WHERE relname = 'heap'`
      await client.query('ANALYZE heap') // which counts what the rows' writer marked
      expect((await client.query<{ visible: string }>(visible)).rows[0]!.visible).not.toBe('0')
    })
  })

  it('names the table whose rows a trigger changed while they came in', async () => {
    const lying = await withSql('TABLE public.heap', sql => `${sql}
      CREATE FUNCTION public.lie() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.x = 7 THEN NEW.t := 'lie'; END IF; RETURN NEW; END$$;
      CREATE TRIGGER lying BEFORE INSERT ON public.heap FOR EACH ROW EXECUTE FUNCTION public.lie();`)
    await expect(restore(lying)).rejects.toMatchObject({ code: 'TARGET_DIFFERS', data: { items: expect.arrayContaining(['postgres/rows/public.heap']) as string[] } })
  })

  it.each([
    ['changed', 'UPDATE public.heap SET x = x + 1 WHERE x = 3'], ['deleted', 'DELETE FROM public.heap WHERE x = 3'], ['added', "INSERT INTO public.heap VALUES (1, 'more')"],
    ['swapped', 'WITH gone AS (DELETE FROM public.heap WHERE x = 3 RETURNING t) INSERT INTO public.heap SELECT 4, t FROM gone'],
  ])('names the table in which rows were %s after it was read back', async (_, statement) => {
    // Views are refreshed when all tables have been read back.
    const lying = await withSql('MATERIALIZED VIEW public.m', () => `
      CREATE FUNCTION public.late() RETURNS int LANGUAGE plpgsql AS $$BEGIN ${statement}; RETURN 1; END$$;
      CREATE MATERIALIZED VIEW public.m AS SELECT public.late() AS x WITH NO DATA;`)
    const heap = 'postgres/rows/public.heap'
    await expect(restore(lying)).rejects.toMatchObject({ code: 'TARGET_DIFFERS', data: { items: expect.arrayContaining([heap]) as string[] } })
  })

  it('reads rows in their order when they lie in another one, and takes them for what they are', async () => {
    const reads: string[] = []
    const noting = changed('rows/public.a', old => ({
      ...old, equals: async () => { reads.push('as it lies'); return false }, matches: async content => { reads.push('in order'); return await old.matches(content) },
    }))
    await restore(noting)
    expect(reads).toEqual(['as it lies', 'in order'])
  })

  describe('of which one table holds the most', () => {
    const weighty = (given: readonly RestoreItem[], name: string): RestoreItem[] => given.map(one => one.id === `postgres/rows/public.${name}` ? { ...one, sizeBytes: 64 * 1024 * 1024 } : one)
    const writersOf = async (table: string): Promise<number> => await inDatabase(running, 'app', async client =>
      Number((await client.query<{ count: string }>(`SELECT count(DISTINCT xmin::text) FROM ${table}`)).rows[0]!.count))

    it('has that table from several connections', async () => {
      await restore(weighty(items, 'large'))
      expect(await writersOf('large')).toBe(3)
      const back = await capturedItems(postgresSource({ server, database: 'app' }))
      const [one, other] = [items, back].map(all => all.find(({ id }) => id === 'postgres/rows/public.large')!)
      expect(await one!.matches({ form: 'rows', layout: other!.layout!, read: () => other!.read() })).toBe(true)
    })

    it('has it from one when a foreign key refers to it, so that its rows are frozen', async () => {
      await restore(weighty(items, 'a'))
      expect(await writersOf('a')).toBe(1)
    })

    it.each([['sorts in another way than an index does', 'named'], ['is none that is there in time', 'bare']])('has it from one when its key %s', async (_, table) => {
      await restore(weighty(items, table))
      expect(await writersOf(table)).toBe(1)
    })

    it.each(['a', 'large'])('compares %s part by part', async table => {
      const compared: string[] = []
      const noting = weighty(items, table).map(one => one.id !== `postgres/rows/public.${table}` ? one : {
        ...one,
        equals: async () => { compared.push('whole'); return true },
        parts: async (options: Parameters<NonNullable<RestoreItem['parts']>>[0]) => (await one.parts!(options)).map(part => ({
          ...part,
          equals: async (...given: Parameters<RestoreItem['equals']>) => {
            const isSame = await part.equals(...given)
            compared.push(isSame ? 'same' : 'other')
            return isSame
          },
        })),
      })
      await restore(noting)
      expect(compared).toEqual(['same', 'same', 'same'])
    })

    it.each([
      ['changed', "UPDATE public.large SET t = 'lie' WHERE id = 3"], ['deleted', 'DELETE FROM public.large WHERE id = 3'], ['added', "INSERT INTO public.large VALUES ('2030-01-01', 1)"],
    ])('names it when rows were %s after it was read back', async (_, statement) => {
      const lying = await withSql('MATERIALIZED VIEW public.m', () => `
        CREATE FUNCTION public.late() RETURNS int LANGUAGE plpgsql AS $$BEGIN ${statement}; RETURN 1; END$$;
        CREATE MATERIALIZED VIEW public.m AS SELECT public.late() AS x WITH NO DATA;`)
      await expect(restore(weighty(lying, 'large'))).rejects.toMatchObject({ code: 'TARGET_DIFFERS', data: { items: expect.arrayContaining(['postgres/rows/public.large']) as string[] } })
    })

    it('names it when a trigger changed a row of one part', async () => {
      const lying = await withSql('TABLE public.large', sql => `${sql}
        CREATE FUNCTION public.lie() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id = 7 THEN NEW.t := 'lie'; END IF; RETURN NEW; END$$;
        CREATE TRIGGER lying BEFORE INSERT ON public.large FOR EACH ROW EXECUTE FUNCTION public.lie();`)
      await expect(restore(weighty(lying, 'large'))).rejects.toMatchObject({ code: 'TARGET_DIFFERS', data: { items: expect.arrayContaining(['postgres/rows/public.large']) as string[] } })
    })
  })

  it('stops the other loads when one fails, and is gone', async () => {
    const begun = Promise.withResolvers<undefined>()
    let wasToldToStop = false
    const endless = (old: RestoreItem): RestoreItem => ({
      ...old,
      async * read ({ signal }: AbortOptions = {}) {
        yield Buffer.from('1\t1\t\n')
        begun.resolve(undefined)
        if (signal?.aborted === false) await once(signal, 'abort')
        wasToldToStop = signal?.aborted === true
        signal?.throwIfAborted()
      },
    })
    const failing = (old: RestoreItem): RestoreItem => ({
      ...old,
      async * read () {
        await begun.promise
        yield Buffer.from('no number\n')
      },
    })
    const given = changed('rows/public.a', endless).map(one => one.id === 'postgres/rows/public.b' ? failing(one) : one)
    await expect(restore(given)).rejects.toMatchObject({ code: 'TARGET_FAILED', data: { item: 'postgres/rows/public.b' } })
    expect(wasToldToStop).toBe(true)
    expect((await admin.query("SELECT FROM pg_stat_activity WHERE datname LIKE 'app%'")).rowCount).toBe(0)
  })

  it('builds keys before other indexes, and foreign keys after both', () => {
    const additions = batchesOf(stagesOf(items, []).additions).filter(({ kind }) => kind !== null)
    expect(additions.length).toBeGreaterThan(0)
    const chains = additions.flatMap(({ chains: all }) => all)
    const ofA = chains.filter(({ tables }) => tables.includes('postgres/object/TABLE public.a') && tables.length === 1)
    expect(ofA.map(({ items: [one], locks }) => [one!.attributes['tag'], locks])).toEqual(expect.arrayContaining([['a a_pkey', true], ['a_b', false], ['a_t', false]]))
    expect(named('rows/public.a').deps).toEqual(['postgres/object/TABLE public.a'])
  })
})
