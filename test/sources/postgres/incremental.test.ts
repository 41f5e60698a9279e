import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type pg from 'pg'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import type { PostgresSourceOptions } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Source } from '../../../src/sources/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { createDatabase, inDatabase } from './databases.ts'
import { deceived, incrementals, SnapshotLine, withFacts, withTables } from './snapshot-line.ts'

const DATABASE = 'incremental'

describe.each([15, 18] as const)('rows read by what changed, on PostgreSQL %i', major => {
  let postgres: TestPostgres
  let server: PostgresServer
  let line: SnapshotLine

  beforeAll(async () => {
    postgres = await startPostgres({ major })
    server = new PostgresServer({ url: postgres.url('x'), maxConnections: 8 })
    await createDatabase(postgres, DATABASE)
  })
  afterAll(async () => { await postgres.stop() })

  beforeEach(async () => {
    await run('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    line = await SnapshotLine.begin()
  })
  afterEach(async () => { await line.close() })

  const run = async (sql: string): Promise<void> => { await inDatabase(postgres, DATABASE, async client => { await client.query(sql) }) }
  const source = (options: Partial<PostgresSourceOptions> = {}): Source => postgresSource({ server, database: DATABASE, reads: 'incremental', ...options })
  const whole = (): Source => postgresSource({ server, database: DATABASE })

  /** Two snapshots with `change` in between; the second must have read everything, for a reason, and a deceived one must have been wrong. */
  async function guarded (setup: string, change: string, deceive: Parameters<typeof deceived>[1]): Promise<string[]> {
    await run(setup)
    await line.take(source())
    await run(change)
    const wrong = await SnapshotLine.begin()
    try {
      await run(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${setup}`)
      await wrong.take(source())
      await run(change)
      await wrong.take(deceived(source(), deceive))
      expect(await wrong.differing(whole())).not.toEqual([])
    } finally {
      await wrong.close()
    }
    return []
  }
  void guarded

  const TABLE = "CREATE TABLE t (id bigint PRIMARY KEY, v text, n int); INSERT INTO t SELECT g, md5(g::text), g FROM generate_series(1, 5000) g"

  it('are what a full read gives', async () => {
    await run(TABLE)
    expect(incrementals(await line.take(source()))).toEqual({ t: 0 })
    expect(await line.differing(whole())).toEqual([])
    await run("UPDATE t SET v = 'changed' WHERE id % 500 = 3; DELETE FROM t WHERE id BETWEEN 10 AND 30; INSERT INTO t VALUES (0, 'first', 0), (9999, 'last', 1); UPDATE t SET id = 20 WHERE id = 77")
    const summary = await line.take(source())
    expect(incrementals(summary)).toEqual({ t: 1 })
    expect(summary.notes).toEqual([])
    expect(await line.differing(whole())).toEqual([])
  })
  void withFacts
  void withTables
})
