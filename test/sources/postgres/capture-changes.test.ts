import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type pg from 'pg'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Capture, Content } from '../../../src/sources/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured, linesOf } from './captured-artifacts.ts'
import { inDatabase } from './databases.ts'
import { PATIENT } from './patience.ts'

describe.each([15, 18] as const)('while others change the database, on PostgreSQL %i', major => {
  let postgres: TestPostgres
  let server: PostgresServer

  beforeAll(async () => {
    postgres = await startPostgres({ major })
    server = new PostgresServer({ url: postgres.url('x') })
  })
  afterAll(async () => { await postgres.stop() })

  beforeEach(async () => {
    await inDatabase(postgres, 'postgres', async client => {
      await client.query(`
        DROP TABLE IF EXISTS watched, gate, renamed;
        CREATE TABLE gate (id integer PRIMARY KEY); -- the older table is locked first
        CREATE TABLE watched (id integer PRIMARY KEY, text text);
        INSERT INTO watched SELECT i, 'old' FROM generate_series(1, 1000) AS i`)
    })
  })

  /** Opens a capture that has its snapshot and waits for the lock of a table; `change` is committed in between. */
  async function capturedAround (change: string): Promise<ReadonlyMap<string, string[]>> {
    return await inDatabase(postgres, 'postgres', async client => {
      await client.query('BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE')
      const capturing = captured(postgresSource({ server, database: 'postgres' }))
      await waitsForLock(client)
      await inDatabase(postgres, 'postgres', async other => { await other.query(change) })
      await client.query('COMMIT')
      return new Map([...(await capturing).artifacts].map(([id, { text }]) => [id, linesOf(text)]))
    })
  }

  async function waitsForLock (client: pg.Client): Promise<void> {
    await expect.poll(async () => (await client.query("SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.application_name = 'caf'")).rowCount, PATIENT).toBe(1)
  }

  it('starts again when a table was truncated and filled between snapshot and lock', async () => {
    const artifacts = await capturedAround("BEGIN; TRUNCATE watched; INSERT INTO watched SELECT i, 'new' FROM generate_series(1, 10) AS i; COMMIT")
    expect(artifacts.get('postgres/rows/public.watched')).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 1}\tnew`))
  })

  it('starts again when a table was rewritten', async () => {
    const artifacts = await capturedAround('ALTER TABLE watched ALTER id TYPE bigint')
    expect(artifacts.get('postgres/rows/public.watched')).toHaveLength(1000)
    expect(artifacts.get('postgres/object/TABLE public.watched')?.join('\n')).toContain('id bigint')
  })

  it('starts again when a column was replaced by one of the same name', async () => {
    const artifacts = await capturedAround("ALTER TABLE watched DROP COLUMN text; ALTER TABLE watched ADD COLUMN text text DEFAULT 'fresh'")
    expect(artifacts.get('postgres/rows/public.watched')?.[0]).toBe('1\tfresh')
    expect(artifacts.get('postgres/object/TABLE public.watched')?.join('\n')).toContain("DEFAULT 'fresh'")
  })

  it.each([
    ['dropped', 'DROP TABLE watched'],
    ['renamed', 'ALTER TABLE watched RENAME TO renamed'],
  ])('starts again when a table was %s', async (_, change) => {
    const artifacts = await capturedAround(change)
    expect(artifacts.has('postgres/rows/public.watched')).toBe(false)
  })

  it('does not start again for mere writes, and does not see them', async () => {
    const artifacts = await capturedAround("UPDATE watched SET text = 'new' WHERE id = 1; DELETE FROM watched WHERE id > 500")
    expect(artifacts.get('postgres/rows/public.watched')).toEqual(Array.from({ length: 1000 }, (_, i) => `${i + 1}\told`))
  })

  it('gives up with the table\'s name when that never ends', async () => {
    await inDatabase(postgres, 'postgres', async client => {
      await client.query('BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE')
      const capturing = expect(captured(postgresSource({ server, database: 'postgres' }))).rejects.toMatchObject({ code: 'SOURCE_CHANGED', message: expect.stringContaining('public.watched') as string })
      for (let attempt = 1; attempt <= 4; attempt++) {
        await waitsForLock(client)
        await inDatabase(postgres, 'postgres', async other => {
          await other.query('TRUNCATE watched')
          // The next attempt waits behind this lock, which is asked for before the present one is given back.
          await other.query('BEGIN')
        })
        await client.query('COMMIT')
        if (attempt < 4) await client.query('BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE')
      }
      await capturing
    })
  })

  it('names the table that somebody else holds for too long', async () => {
    await inDatabase(postgres, 'postgres', async client => {
      await client.query('BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE')
      await expect(postgresSource({ server, database: 'postgres', lockTimeoutMs: 100 }).capture()).rejects.toMatchObject({ code: 'SOURCE_CHANGED', message: expect.stringContaining('"gate"') as string })
      await client.query('ROLLBACK')
    })
  })

  it('holds tables until it is closed', async () => {
    const capture = await postgresSource({ server, database: 'postgres' }).capture()
    await inDatabase(postgres, 'postgres', async client => {
      await client.query("SET lock_timeout = '50ms'")
      await expect(client.query('TRUNCATE watched')).rejects.toMatchObject({ code: '55P03' })
      await capture.finish()
      await expect(client.query('DROP TABLE watched')).rejects.toMatchObject({ code: '55P03' })
      await capture.close()
      await client.query('DROP TABLE watched')
    })
  })

  it('notices at the end that the locks were lost', async () => {
    const capture = await postgresSource({ server, database: 'postgres' }).capture()
    await inDatabase(postgres, 'postgres', async client => {
      await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caf'")
    })
    await expect(readAll(capture)).rejects.toMatchObject({ code: expect.stringMatching(/^SOURCE_(UNREACHABLE|CHANGED)$/) as string })
    await expect(capture.finish()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    await capture.close()
  })

  it('says that the server is gone when it crashes in the middle', async () => {
    if (major === 15) return // one crash is enough: it ends the server
    await inDatabase(postgres, 'postgres', async client => { await client.query("INSERT INTO watched SELECT i, repeat('x', 1000) FROM generate_series(2000, 60000) AS i") })
    const capture = await postgresSource({ server, database: 'postgres' }).capture()
    let pieces = 0
    await expect((async () => {
      for await (const { id, content } of capture.artifacts()) {
        for await (const piece of bytesOf(content)) if (id.endsWith('rows/public.watched') && piece.length > 0 && pieces++ === 0) await postgres.kill()
      }
      await capture.finish() // a server process outlives its postmaster until it waits: it may still send all the rows
    })()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    await capture.close()
    await expect(postgresSource({ server, database: 'postgres' }).capture()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  })
})

function bytesOf (content: Content): AsyncIterable<Uint8Array> {
  if (content.form === 'files') throw new Error('a folder tree')
  return content.read()
}

async function readAll (capture: Capture): Promise<void> {
  for await (const { content } of capture.artifacts()) await Array.fromAsync(bytesOf(content))
}
