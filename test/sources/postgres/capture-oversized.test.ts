import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Source } from '../../../src/sources/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { createDatabase, inDatabase } from './databases.ts'

const SLOW = process.env['SLOW'] === '1'
if (!SLOW) process.stderr.write('skipping rows of a gigabyte, which take minutes and gigabytes of memory: set SLOW=1\n')

describe.runIf(SLOW)('rows near the limit of a gigabyte', () => {
  let postgres: TestPostgres

  beforeAll(async () => { postgres = await startPostgres({ major: 18 }) })
  afterAll(async () => { await postgres.stop() })

  async function sourceWith (database: string, sql: string): Promise<Source> {
    await createDatabase(postgres, database)
    await inDatabase(postgres, database, async client => { await client.query(sql) })
    return postgresSource({ server: new PostgresServer({ url: postgres.url('x') }), database })
  }

  /** Reads all and keeps nothing. */
  async function read (source: Source): Promise<{ bytes: number, peakBytes: number }> {
    const capture = await source.capture()
    let [bytes, peakBytes] = [0, 0]
    try {
      for await (const { content } of capture.artifacts()) {
        if (content.form === 'files') throw new Error('a folder tree')
        for await (const piece of content.read()) {
          bytes += piece.length
          peakBytes = Math.max(peakBytes, process.memoryUsage().rss)
        }
      }
      return { bytes, peakBytes }
    } finally {
      await capture.close()
    }
  }

  it('streams a row of 500 MB without holding it', async () => {
    const source = await sourceWith('large', "CREATE TABLE t (id integer PRIMARY KEY, a text); INSERT INTO t VALUES (1, repeat('x', 500000000))")
    const before = process.memoryUsage().rss
    const { bytes, peakBytes } = await read(source)
    expect(bytes).toBeGreaterThan(500_000_000)
    expect(peakBytes - before).toBeLessThan(250_000_000)
  })

  it.each([
    ['texts', "CREATE TABLE t (id integer PRIMARY KEY, a text, b text); INSERT INTO t VALUES (7, repeat('x', 500000000)); UPDATE t SET b = repeat('y', 600000000)"],
    ['bytea, which doubles', "CREATE TABLE t (id integer PRIMARY KEY, a bytea); INSERT INTO t VALUES (7, (SELECT string_agg(decode(repeat('ab', 10000000), 'hex'), '') FROM generate_series(1, 60)))"],
  ])('names the row before anything is read: %s', async (name, sql) => {
    const source = await sourceWith(name, sql)
    await expect(source.capture()).rejects.toMatchObject({ code: 'ROW_TOO_LARGE', data: { schema: 'public', table: 't', key: { id: '7' } } })
  })

  it('names the table when the length shows only while it is read', async () => {
    const source = await sourceWith('json', "CREATE TABLE t (id integer PRIMARY KEY, a json, b json); INSERT INTO t VALUES (7, ('\"' || repeat('x', 550000000) || '\"')::json); UPDATE t SET b = a")
    await expect(read(source)).rejects.toMatchObject({ code: 'ROW_TOO_LARGE', data: { schema: 'public', table: 't' } })
  })
})
