import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import type { PostgresSourceOptions } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { CaptureSummary, Source } from '../../../src/sources/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { createDatabase, inDatabase } from './databases.ts'
import { incrementals, SnapshotLine, withFactsOf } from './snapshot-line.ts'

const DATABASE = 'incremental'
const ROWS = 'postgres/rows/public.t'
const TABLE = 'CREATE TABLE t (id bigint PRIMARY KEY, v text, n int); INSERT INTO t SELECT g, md5(g::text), g FROM generate_series(1, 3000) g;'

describe.each([15, 18] as const)('rows read by what changed, on PostgreSQL %i', major => {
  let postgres: TestPostgres
  let server: PostgresServer
  let line: SnapshotLine

  beforeAll(async () => {
    postgres = await startPostgres({ major, settings: { autovacuum: 'off' } })
    server = new PostgresServer({ url: postgres.url('x'), maxConnections: 8 })
    await createDatabase(postgres, DATABASE)
  })
  afterAll(async () => { await postgres.stop() })

  beforeEach(async () => {
    await run('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    line = await SnapshotLine.begin()
  })
  afterEach(async () => { await line.close() })

  const run = async (sql: string, database = DATABASE): Promise<void> => { await inDatabase(postgres, database, async client => { await client.query(sql) }) }
  const source = (options: Partial<PostgresSourceOptions> = {}): Source => postgresSource({ server, database: DATABASE, reads: 'incremental', ...options })
  const whole = (): Source => postgresSource({ server, database: DATABASE, reads: 'full' })

  it('are what a full read gives', async () => {
    await run(TABLE)
    expect(incrementals(await line.take(source()))).toEqual({ t: 0 })
    await run("UPDATE t SET v = 'changed' WHERE id % 500 = 3; DELETE FROM t WHERE id BETWEEN 10 AND 30; INSERT INTO t VALUES (0, 'first', 0), (9999, 'last', 1); UPDATE t SET id = 20 WHERE id = 77")
    const summary = await line.take(source())
    expect(incrementals(summary)).toEqual({ t: 1 })
    expect(summary.notes).toEqual([])
    expect(await line.differing(whole())).toEqual([[]])
  })

  it('may hold long values, and tables without a key beside them are read in full', async () => {
    await run(`CREATE TABLE t (id int PRIMARY KEY, a text, b text); ALTER TABLE t ALTER a SET STORAGE EXTERNAL; INSERT INTO t SELECT g, repeat(g::text, 100000), 'x' FROM generate_series(1, 8) g;
      CREATE TABLE heap (a int); INSERT INTO heap VALUES (1), (1)`)
    await line.take(source())
    await run("UPDATE t SET b = 'y' WHERE id = 3; UPDATE t SET a = repeat('z', 200000) WHERE id = 5; DELETE FROM t WHERE id = 1; INSERT INTO heap VALUES (2)")
    const summary = await line.take(source())
    expect(incrementals(summary)).toEqual({ t: 1 })
    expect(summary.notes).toEqual([])
    expect(await line.differing(whole())).toEqual([[]])
  })

  const KEYS: Readonly<Record<string, string>> = {
    dense: "id bigint PRIMARY KEY, v text) AS SELECT g, 'a' FROM generate_series(1, 2000) g",
    negative: "id int PRIMARY KEY, v text) AS SELECT g, 'a' FROM generate_series(-900, 900) g",
    huge: "id bigint PRIMARY KEY, v text) AS SELECT 9223372036854775807 - g, 'a' FROM generate_series(0, 900) g",
    small: "id smallint PRIMARY KEY, v text) AS SELECT g, 'a' FROM generate_series(1, 900) g",
    sparse: "id bigint PRIMARY KEY, v text) AS SELECT g * 1000003, 'a' FROM generate_series(1, 900) g",
    "oids\" 'n": "id oid PRIMARY KEY, v text) AS SELECT (4294967000 - g)::oid, 'a' FROM generate_series(1, 900) g",
    numerics: "id numeric PRIMARY KEY, v text) AS SELECT (g - 400) / 3.0, 'a' FROM generate_series(1, 900) g",
    texts: "id text PRIMARY KEY, v text) AS SELECT chr(60 + g % 90) || E'\\t\\\\' || g, 'a' FROM generate_series(1, 900) g",
    uuids: "id uuid PRIMARY KEY, v text) AS SELECT md5(g::text)::uuid, 'a' FROM generate_series(1, 900) g",
    pairs: "id mood, n int, v text, PRIMARY KEY (id, n)) AS SELECT (ARRAY['good', 'bad'])[g % 2 + 1]::mood, g, 'a' FROM generate_series(1, 900) g",
    moments: "id timestamptz PRIMARY KEY, v text) AS SELECT '2026-01-01'::timestamptz + g * interval '1.5 s', 'a' FROM generate_series(1, 900) g",
  }

  it('may have keys of many kinds, of which few or many are deleted', async () => {
    const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
    const each = (sql: (table: string, columns: string) => string): string => Object.keys(KEYS).map(name => sql(quoted(name), name === 'pairs' ? 'id, n' : 'id')).join(';')
    await run(`CREATE TYPE mood AS ENUM ('good', 'bad'); ${Object.entries(KEYS).map(([name, text]) => {
      const [columns, rows] = text.split(' AS SELECT')
      return `CREATE TABLE ${quoted(name)} (${columns}; INSERT INTO ${quoted(name)} SELECT${rows}; ANALYZE ${quoted(name)}`
    }).join(';')}`)
    await line.take(source())
    const rounds = [
      each(table => `UPDATE ${table} SET v = 'b' WHERE hashtext(id::text) % 50 = 0`),
      each((table, columns) => `WITH d AS (DELETE FROM ${table} WHERE hashtext(id::text) % 40 = 1 RETURNING *) INSERT INTO ${table} SELECT * FROM d WHERE hashtext(id::text) % 80 = 1 ON CONFLICT (${columns}) DO NOTHING`),
      each(table => `DELETE FROM ${table} WHERE hashtext(v || id::text) % 3 <> 0`),
      each(table => `DELETE FROM ${table}`),
    ]
    for (const [index, round] of rounds.entries()) {
      await run(round)
      const summary = await line.take(source())
      expect(new Set(Object.values(incrementals(summary)))).toEqual(new Set([index + 1]))
      expect(await line.differing(whole())).toEqual([[]])
    }
  })

  it('are read in full every so many snapshots', async () => {
    await run(TABLE)
    const counts: unknown[] = []
    for (let round = 0; round < 4; round++) counts.push(incrementals(await line.take(source({ fullReadEvery: 3 })))['t'])
    expect(counts).toEqual([0, 1, 2, 0])
  })

  it('are read in full with fewer than three connections, and after snapshots that did not record what is needed', async () => {
    await run(TABLE)
    await line.take(whole())
    expect((await line.take(source())).notes).toEqual([`read in full, because the snapshot before did not record what that needs: ${ROWS}`])
    expect((await line.take(source({ connections: 2 }))).notes).toEqual([`read in full, because reading what changed needs three connections: ${ROWS}`])
    expect(incrementals(await line.take(source()))).toEqual({ t: 1 })
  })

  describe('hang on guards:', () => {
    /** What the guards say after `change`; without the ones that `deceive` passes by, the rows would be wrong. */
    async function guarded (setup: string, change: string, deceive: (later: CaptureSummary) => (parent: CaptureSummary) => CaptureSummary): Promise<readonly string[]> {
      await run(setup)
      const parent = await line.take(source())
      const of = await line.last()
      await run(change)
      const now = await line.take(source())
      expect(incrementals(now)['t']).toBe(0)
      const wrong = await line.takeDeceived(source(), { of, previous: deceive(now)(parent) })
      expect(await line.differing(whole(), ['default', wrong])).toEqual([[], expect.arrayContaining([ROWS]) as string[]])
      return now.notes
    }
    const sameTables = (later: CaptureSummary): (parent: CaptureSummary) => CaptureSummary => withFactsOf(later, 'reads')
    const SHAPE = [`read in full, because its columns, their types, or the extensions changed: ${ROWS}`]

    it('a column that was dropped and came again with the same DDL', async () => {
      expect(await guarded(TABLE, 'ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD COLUMN n int', sameTables)).toEqual(SHAPE)
    })

    it('another default for rows that were there before', async () => {
      expect(await guarded(`${TABLE} ALTER TABLE t ADD COLUMN z int DEFAULT 5`, 'ALTER TABLE t DROP COLUMN z; ALTER TABLE t ADD COLUMN z int DEFAULT 7; ALTER TABLE t ALTER z SET DEFAULT 5', sameTables)).toEqual(SHAPE)
    })

    it('a label of an enum that was renamed, however deep it is', async () => {
      expect(await guarded(
        `CREATE TYPE mood AS ENUM ('fine', 'bad'); CREATE TYPE pair AS (a int, moods mood[]); CREATE DOMAIN pairs AS pair[];
         CREATE TABLE t (id int PRIMARY KEY, p pairs); INSERT INTO t SELECT g, ARRAY[ROW(g, ARRAY['fine', 'bad']::mood[])::pair] FROM generate_series(1, 100) g`,
        "ALTER TYPE mood RENAME VALUE 'fine' TO 'well'", sameTables)).toEqual(SHAPE)
    })

    it('a file that was exchanged for another table\'s', async () => {
      expect(await guarded(`${TABLE} CREATE TABLE u (LIKE t INCLUDING ALL); INSERT INTO u SELECT id, 'of u', 0 FROM t`,
        `UPDATE pg_class c SET relfilenode = o.relfilenode FROM pg_class o WHERE (c.oid, o.oid) IN (('t'::regclass, 'u'::regclass), ('u'::regclass, 't'::regclass));
         UPDATE pg_class c SET relfilenode = o.relfilenode FROM pg_class o WHERE (c.oid, o.oid) IN (('t_pkey'::regclass, 'u_pkey'::regclass), ('u_pkey'::regclass, 't_pkey'::regclass))`,
        sameTables)).toEqual([`read in full, because the table was rewritten or truncated: ${ROWS}, postgres/rows/public.u`])
    })

    it('another table of the same name', async () => {
      expect(await guarded(`${TABLE} CREATE TABLE u (LIKE t INCLUDING ALL); INSERT INTO u SELECT id, 'of u', 0 FROM t`, 'ALTER TABLE t RENAME TO w; ALTER TABLE u RENAME TO t', sameTables))
        .toEqual([`read in full, because it is another table of that name: ${ROWS}`])
    })

    it('values whose text names something else', async () => {
      await run(`DROP ROLE IF EXISTS ra, rb; CREATE ROLE ra; CREATE DOMAIN who AS regrole; CREATE TABLE t (id int PRIMARY KEY, r who[]); INSERT INTO t VALUES (1, ARRAY['ra'::regrole])`)
      const parent = await line.take(source())
      await run('ALTER ROLE ra RENAME TO rb')
      expect(await line.differing(whole())).toEqual([[ROWS]])
      const { rows: [seen] } = await inDatabase(postgres, DATABASE, async client => await client.query<{ n: number }>('SELECT count(*)::int AS n FROM public.t WHERE age(xmin) <= age($1::xid)', [parent.facts['snapshotXmin']]))
      expect(seen).toEqual({ n: 0 })
      expect((await line.take(source())).notes).toEqual([`read in full, because the text of its regrole values can change without them: ${ROWS}`])
      expect(await line.differing(whole())).toEqual([[]])
      await run('DROP TABLE t; DROP DOMAIN who; DROP ROLE rb')
    })
  })
})
