import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type pg from 'pg'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Source } from '../../../src/sources/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { seeded } from '../../dag/contents.ts'
import { createDatabase, inDatabase } from './databases.ts'
import { incrementals, SnapshotLine } from './snapshot-line.ts'

const ROUNDS = process.env['SLOW'] === undefined ? 4 : 40
const STEPS = 40
const ROWS = 4_000

/** One change, or what only looks like one. `any` gives numbers below its argument. */
async function step (client: pg.Client, any: (limit: number) => number, name: string): Promise<void> {
  const id = 1 + any(ROWS)
  const [first, ...others] = [
    [`UPDATE t SET v = v || 'x' WHERE id = ${id}`],
    [`DELETE FROM t WHERE id = ${id}`],
    [`INSERT INTO t VALUES (${id}, 'inserted ${name}', 1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1`],
    ['BEGIN', `UPDATE t SET v = 'rolled back' WHERE id = ${id}`, 'ROLLBACK'],
    ['BEGIN', `UPDATE t SET v = 'kept' WHERE id = ${id}`, 'SAVEPOINT s', `UPDATE t SET v = 'undone' WHERE id = ${id}`, 'ROLLBACK TO s', 'COMMIT'],
    ['BEGIN', 'SAVEPOINT s', `UPDATE t SET v = 'sub ${name}' WHERE id = ${id}`, 'RELEASE s', 'SAVEPOINT s', `DELETE FROM t WHERE id = ${id + 1}`, 'COMMIT'],
    [`UPDATE t SET id = id + 100000 WHERE id = ${id} AND NOT EXISTS (SELECT FROM t o WHERE o.id = ${id + 100_000})`],
    ['BEGIN', `SELECT FROM t WHERE id BETWEEN ${id} AND ${id + 9} FOR UPDATE`, 'COMMIT'],
    ['BEGIN', `SELECT FROM t WHERE id = ${id} FOR KEY SHARE`, `UPDATE t SET n = 7 WHERE id = ${id}`, 'COMMIT'],
    ['BEGIN', `DELETE FROM t WHERE id = ${id}`, `INSERT INTO t VALUES (${id}, 'again ${name}', 2)`, 'COMMIT'],
    [`UPDATE t SET n = n WHERE id BETWEEN ${id} AND ${id + 20}`],
    [`UPDATE t SET long = repeat('${name}', 9000) WHERE id = ${id}`],
  ][any(12)]!
  for (const sql of [first!, ...others]) await client.query(sql)
}

const HOUSEKEEPING = ['VACUUM FREEZE t', 'VACUUM FULL t', 'CLUSTER t USING t_pkey', 'VACUUM t', 'ANALYZE t', 'REINDEX TABLE t']

describe.each([15, 18] as const)('rows read by what changed, round after round, on PostgreSQL %i', major => {
  let postgres: TestPostgres
  let server: PostgresServer

  beforeAll(async () => {
    postgres = await startPostgres({ major })
    server = new PostgresServer({ url: postgres.url('x'), maxConnections: 8 })
    await createDatabase(postgres, 'rounds')
  })
  afterAll(async () => { await postgres.stop() })

  const source = (): Source => postgresSource({ server, database: 'rounds', reads: 'incremental', fullReadEvery: 1_000 })
  const whole = (): Source => postgresSource({ server, database: 'rounds', reads: 'full' })
  const inRounds = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => await inDatabase(postgres, 'rounds', work)

  it('are what full reads give, whatever is open, prepared, rolled back or cleaned up', { timeout: 600_000 }, async () => {
    await inRounds(async client => await client.query(`CREATE TABLE t (id bigint PRIMARY KEY, v text, n int, long text); ALTER TABLE t ALTER long SET STORAGE EXTERNAL;
      INSERT INTO t SELECT g, md5(g::text), g FROM generate_series(1, ${ROWS}) g`))
    const line = await SnapshotLine.begin()
    const read: number[] = []
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await inRounds(async open => await inRounds(async client => {
          let drawn = 0
          const any = (limit: number): number => seeded(`${major} ${round} ${drawn++}`, limit)
          // These begin before the parent's snapshot and end after it.
          await open.query('BEGIN')
          await open.query(`UPDATE t SET v = 'open ${round}' WHERE id = ${90_000_000 + round} OR id IN (SELECT id FROM t ORDER BY id OFFSET ${any(1_000)} LIMIT 3)`)
          await open.query('SAVEPOINT s')
          await open.query(`INSERT INTO t VALUES (${80_000_000 + round}, 'open', 0)`)
          await client.query('BEGIN')
          await client.query(`UPDATE t SET v = 'prepared ${round}' WHERE id IN (SELECT id FROM t ORDER BY id DESC OFFSET ${10 + any(1_000)} LIMIT 3)`)
          await client.query("PREPARE TRANSACTION 'p'")
          read.push(incrementals(await line.take(source()))['t']!)
          await open.query(round % 3 === 0 ? 'ROLLBACK TO s' : 'RELEASE s')
          await open.query(`INSERT INTO t VALUES (${70_000_000 + round}, 'late', 0)`)
          await open.query(round % 4 === 3 ? 'ROLLBACK' : 'COMMIT')
          await client.query(round % 5 === 4 ? "ROLLBACK PREPARED 'p'" : "COMMIT PREPARED 'p'")
          for (let count = 0; count < STEPS; count++) await step(client, any, `${round} ${count}`)
          if (round % 2 === 1) await client.query(HOUSEKEEPING[any(HOUSEKEEPING.length)]!)
        }))
        const summary = await line.take(source())
        read.push(incrementals(summary)['t']!)
        expect({ round, differing: await line.differing(whole()) }).toEqual({ round, differing: [[]] })
      }
      expect(read.filter(count => count > 0).length).toBeGreaterThan(ROUNDS)
    } finally {
      await line.close()
    }
  })
})
