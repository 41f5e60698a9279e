import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import type { PostgresSourceOptions } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured, linesOf } from './captured-artifacts.ts'
import { createDatabase, inDatabase } from './databases.ts'

describe('uncommon databases', () => {
  let postgres: TestPostgres

  beforeAll(async () => { postgres = await startPostgres({ major: 18 }) })
  afterAll(async () => { await postgres.stop() })

  const source = (database: string, options: Partial<PostgresSourceOptions> = {}): ReturnType<typeof postgresSource> =>
    postgresSource({ server: new PostgresServer({ url: postgres.url('x') }), database, ...options })

  async function prepare (database: string, sql: string, options = ''): Promise<void> {
    await createDatabase(postgres, database, options)
    await inDatabase(postgres, database, async client => { await client.query(sql) })
  }

  it('sort as UTF-8 does, also where the database\'s own bytes do not', async () => {
    // In LATIN2 ž is 0xBE and á is 0xE1; in UTF-8 ž comes after á.
    await prepare('latin2', "CREATE TABLE t (k text PRIMARY KEY, v varchar(9)); INSERT INTO t VALUES ('ž', 'ž'), ('á', 'á'), ('z', 'z')", "ENCODING 'LATIN2' LOCALE 'C' LOCALE_PROVIDER libc")
    const { artifacts } = await captured(source('latin2'))
    expect(linesOf(artifacts.get('postgres/rows/public.t')?.text)).toEqual(['z\tz', 'á\tá', 'ž\tž'])
    expect(JSON.parse(artifacts.get('postgres/database')?.text ?? '')).toMatchObject({ encoding: 'LATIN2', collate: 'C', localeProvider: 'libc' })
  })

  it('may hold bytes that are no text, as SQL_ASCII does', async () => {
    await prepare('ascii', 'CREATE TABLE t (k text PRIMARY KEY)', "ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc")
    await inDatabase(postgres, 'ascii', async client => { await client.query("SET client_encoding = 'SQL_ASCII'; INSERT INTO t VALUES (E'\\xff\\xfe'), ('ü')") })
    const capture = await source('ascii').capture()
    for await (const { id, content } of capture.artifacts()) {
      if (content.form !== 'rows' || id !== 'postgres/rows/public.t') continue
      const bytes = Buffer.concat(await Array.fromAsync(content.read(), piece => Buffer.from(piece)))
      expect(bytes).toEqual(Buffer.concat([Buffer.from('ü\n'), Buffer.from([0xff, 0xfe, 0x0a])]))
    }
    await capture.close()
  })

  it('keep the rows that users gave to an extension\'s tables', async () => {
    await prepare('configured', `
      CREATE EXTENSION citext;
      CREATE TABLE settings (id integer PRIMARY KEY, standard boolean); CREATE TABLE internal (id integer); CREATE SEQUENCE counter;
      INSERT INTO settings VALUES (1, true), (3, false), (2, false);
      ALTER EXTENSION citext ADD TABLE settings; ALTER EXTENSION citext ADD TABLE internal; ALTER EXTENSION citext ADD SEQUENCE counter;
      SET allow_system_table_mods = on;
      UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass::oid, 'counter'::regclass::oid], extcondition = ARRAY['WHERE NOT standard', ''] WHERE extname = 'citext'`)
    const { artifacts } = await captured(source('configured'))
    expect([...artifacts.keys()].filter(id => !id.includes('/object/')).sort()).toEqual(['postgres/database', 'postgres/rows/public.settings', 'postgres/sequence/public.counter'])
    expect(artifacts.get('postgres/rows/public.settings')).toMatchObject({ text: '2\tf\n3\tf\n', deps: ['postgres/object/EXTENSION citext'], attributes: { condition: 'WHERE NOT standard' } })
    expect([...artifacts.keys()].filter(id => id.includes('TABLE'))).toEqual([])
  })

  it('say what is needed and was left out', async () => {
    await prepare('parts', `
      CREATE TABLE kept (id integer PRIMARY KEY); CREATE TABLE dropped (id integer PRIMARY KEY);
      ALTER TABLE kept ADD CONSTRAINT reference FOREIGN KEY (id) REFERENCES dropped;
      SELECT lo_create(5); COMMENT ON LARGE OBJECT 5 IS 'x'`)
    const { summary } = await captured(source('parts', { excludeTables: [{ schema: 'public', table: 'dropped' }] }))
    expect(summary.notes).toEqual(expect.arrayContaining([
      expect.stringMatching(/^comments on 1 large objects/),
      expect.stringMatching(/FK CONSTRAINT reference on public.kept needs table (public\.)?dropped, which is left out/),
    ]))
    expect((await captured(source('parts'))).summary.notes).toHaveLength(1)
  })

  it('may show values in ways of their own', async () => {
    await prepare('local', `
      CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1); ALTER TABLE t ADD COLUMN at timestamptz DEFAULT '2026-01-01 00:00:00+00'; ALTER TABLE t ADD COLUMN paid money DEFAULT 1.5;
      ALTER DATABASE local SET TimeZone = 'America/New_York'; ALTER DATABASE local SET DateStyle = 'German'; ALTER DATABASE local SET search_path = nowhere`)
    const { artifacts } = await captured(source('local'))
    expect(artifacts.get('postgres/rows/public.t')?.text).toBe('1\t2026-01-01 00:00:00+00\t$1.50\n')
  })

  it('may be empty', async () => {
    await createDatabase(postgres, 'empty')
    const { artifacts, summary } = await captured(source('empty', { name: 'other-name' }))
    expect([...artifacts.keys()]).toEqual(['other-name/database'])
    expect(summary.notes).toEqual([])
  })

  it('tell how wide their rows are once they were analyzed', async () => {
    await prepare('wide', "CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t SELECT i, repeat('x', 96) FROM generate_series(1, 1000) AS i; ANALYZE; CREATE TABLE u (id integer PRIMARY KEY)")
    const capture = await source('wide').capture()
    const widths = new Map<string, number | undefined>()
    for await (const { id, content } of capture.artifacts()) if (content.form === 'rows') widths.set(id, content.averageRowBytes)
    await capture.close()
    expect(widths).toEqual(new Map([['postgres/rows/public.t', 103], ['postgres/rows/public.u', undefined]]))
  })
})
