import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Source } from '../../../src/sources/source.ts'
import { startStandby } from '../../servers/postgres-standby.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { createDatabase, inDatabase } from './databases.ts'
import { PATIENT } from './patience.ts'
import { incrementals, SnapshotLine } from './snapshot-line.ts'

const DATABASE = 'kinds'

describe('rows read by what changed', () => {
  let postgres: TestPostgres
  let line: SnapshotLine

  beforeAll(async () => {
    postgres = await startPostgres({ major: 18, settings: { autovacuum: 'off' } })
    await createDatabase(postgres, DATABASE)
  })
  afterAll(async () => { await postgres.stop() })
  beforeEach(async () => {
    line = await SnapshotLine.begin()
    await run('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  })
  afterEach(async () => { await line.close() })

  const run = async (sql: string): Promise<void> => { await inDatabase(postgres, DATABASE, async client => { await client.query(sql) }) }
  const of = (server: TestPostgres, reads: 'full' | 'incremental' = 'incremental'): Source =>
    postgresSource({ server: new PostgresServer({ url: server.url('x'), maxConnections: 8 }), database: DATABASE, reads })

  it('may hold values of extensions whose text hangs on nothing else', async () => {
    await run(`CREATE SCHEMA kinds; CREATE EXTENSION hstore SCHEMA kinds; CREATE EXTENSION citext SCHEMA kinds; CREATE EXTENSION ltree SCHEMA kinds;
      CREATE TABLE t (id int PRIMARY KEY, h kinds.hstore, c kinds.citext, l kinds.ltree[]);
      INSERT INTO t SELECT g, kinds.hstore('k', g::text), 'Text' || g, ARRAY[('a.b' || g)::kinds.ltree] FROM generate_series(1, 500) g`)
    await line.take(of(postgres))
    await run("UPDATE t SET h = kinds.hstore('other', 'x') WHERE id % 50 = 3; DELETE FROM t WHERE id = 9")
    expect(incrementals(await line.take(of(postgres)))).toEqual({ t: 1 })
    expect(await line.differing(of(postgres, 'full'))).toEqual([[]])
    await run('DROP SCHEMA kinds CASCADE')
  })

  it('are not, for tables that were rewritten, and then are again', async () => {
    const tables = ['full', 'type', 'cluster', 'truncated', 'logged', 'access']
    await run(tables.map(name => `CREATE ${name === 'logged' ? 'UNLOGGED ' : ''}TABLE ${name}_t (id int PRIMARY KEY, v text); INSERT INTO ${name}_t SELECT g, g::text FROM generate_series(1, 300) g`).join(';'))
    await line.take(of(postgres))
    await run("ALTER TABLE type_t ALTER v TYPE int USING v::int + 1; CLUSTER cluster_t USING cluster_t_pkey; TRUNCATE truncated_t; INSERT INTO truncated_t VALUES (7, 'after'); ALTER TABLE logged_t SET LOGGED; UPDATE access_t SET v = 'x' WHERE id = 3")
    await run('VACUUM FULL full_t')
    const summary = await line.take(of(postgres))
    expect(incrementals(summary)).toEqual({ full_t: 0, type_t: 0, cluster_t: 0, truncated_t: 0, logged_t: 0, access_t: 1 })
    expect(await line.differing(of(postgres, 'full'))).toEqual([[]])
    expect(Object.values(incrementals(await line.take(of(postgres)))).every(count => count > 0)).toBe(true)
    expect(await line.differing(of(postgres, 'full'))).toEqual([[]])
  })

  it('are right when a transaction was prepared before the snapshot before and ends after it', async () => {
    await run('CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, g::text FROM generate_series(1, 300) g')
    await run("BEGIN; UPDATE t SET v = 'prepared' WHERE id = 5; DELETE FROM t WHERE id = 6; INSERT INTO t VALUES (1000, 'prepared'); PREPARE TRANSACTION 'p'")
    await line.take(of(postgres))
    await run("COMMIT PREPARED 'p'")
    expect(incrementals(await line.take(of(postgres)))).toEqual({ t: 1 })
    expect(await line.differing(of(postgres, 'full'))).toEqual([[]])
  })

  it('may come from a standby, snapshot after snapshot', async () => {
    const standby = await startStandby(postgres)
    try {
      await run('CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, g::text FROM generate_series(1, 300) g')
      await caughtUp(standby)
      await line.take(of(standby))
      await run("UPDATE t SET v = 'new' WHERE id % 60 = 7; DELETE FROM t WHERE id BETWEEN 20 AND 30; INSERT INTO t VALUES (0, 'first')")
      await caughtUp(standby)
      expect(incrementals(await line.take(of(standby)))).toEqual({ t: 1 })
      expect(await line.differing(of(standby, 'full'))).toEqual([[]])
    } finally {
      await standby.stop()
    }
  })

  async function caughtUp (standby: TestPostgres): Promise<void> {
    const { rows: [now] } = await inDatabase(postgres, 'postgres', async client => await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn'))
    await inDatabase(standby, 'postgres', async client => {
      await vi.waitUntil(async () => (await client.query<{ there: boolean }>('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there', [now?.lsn])).rows[0]?.there, PATIENT)
    })
  }
})
