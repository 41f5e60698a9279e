import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import pg from 'pg'
import { whyUnsure } from '../../../src/sources/postgres/parent-guard.ts'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { CaptureSummary, Source } from '../../../src/sources/source.ts'
import { copyOf, startStandby } from '../../servers/postgres-standby.ts'
import { startPostgres, startPostgresOn } from '../../servers/postgres.ts'
import type { PostgresOptions, TestPostgres } from '../../servers/postgres.ts'
import { createDatabase, inDatabase } from './databases.ts'
import { PATIENT } from './patience.ts'
import { incrementals, SnapshotLine, withFactsOf } from './snapshot-line.ts'

const ROWS = 'postgres/rows/public.t'
const TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'a' FROM generate_series(1, 100) g"
const because = (reason: string): string[] => [`read in full, because ${reason}: ${ROWS}`]

describe('rows are read in full when xids may mean something else than in the snapshot before:', () => {
  const servers: TestPostgres[] = []
  let line: SnapshotLine

  beforeEach(async () => { line = await SnapshotLine.begin() })
  afterEach(async () => {
    await line.close()
    for (const server of servers.splice(0)) await server.stop()
  })

  const start = async (options: Partial<PostgresOptions> = {}): Promise<TestPostgres> => await running(startPostgres({ major: 18, ...options }))
  async function running (starting: Promise<TestPostgres>): Promise<TestPostgres> {
    const server = await starting
    servers.push(server)
    return server
  }
  const of = (server: TestPostgres, reads: 'full' | 'incremental' = 'incremental'): Source =>
    postgresSource({ server: new PostgresServer({ url: server.url('x') }), database: 'app', reads })
  const run = async (server: TestPostgres, sql: string, database = 'app'): Promise<void> => { await inDatabase(server, database, async client => { await client.query(sql) }) }
  const burn = async (server: TestPostgres, count: number): Promise<void> => {
    await inDatabase(server, 'app', async client => { for (let i = 0; i < count; i++) await client.query('BEGIN; SELECT pg_current_xact_id(); ROLLBACK') })
  }

  /** The snapshot from `server`; after `parent`, which `deceive` makes pass the guards, its rows would be wrong. */
  async function guarded (server: TestPostgres, parent: CaptureSummary, deceive: (now: CaptureSummary) => CaptureSummary): Promise<CaptureSummary> {
    const parentId = await line.last()
    const now = await line.take(of(server))
    expect(incrementals(now)['t']).toBe(0)
    const wrong = await line.takeDeceived(of(server), { of: parentId, previous: deceive(now) })
    expect(await line.differing(of(server, 'full'), ['default', wrong])).toEqual([[], [ROWS]])
    expect(incrementals(parent)['t']).toBe(0)
    return now
  }

  const asBase = (summary: CaptureSummary): CaptureSummary => ({ ...summary, facts: { ...summary.facts, reads: { ...(summary.facts['reads'] as object), base: true } } })

  it('a database that took another one\'s name', async () => {
    const server = await start()
    await createDatabase(server, 'app')
    await run(server, TABLE)
    await run(server, 'CREATE DATABASE app_b TEMPLATE app', 'postgres')
    await run(server, "UPDATE t SET v = 'of b' WHERE id < 10", 'app_b')
    const parent = await line.take(of(server))
    await run(server, 'ALTER DATABASE app RENAME TO app_old', 'postgres')
    await run(server, 'ALTER DATABASE app_b RENAME TO app', 'postgres')
    const { notes } = await guarded(server, parent, now => withFactsOf(now, 'databaseOid')(parent))
    expect(notes).toEqual(because('it is another database of that name'))
  })

  it('a copy of the data that was brought back', async () => {
    const server = await start()
    await createDatabase(server, 'app')
    await run(server, TABLE)
    const bringBack = await copyOf(server)
    await burn(server, 30)
    const parent = await line.take(of(server))
    const restored = await running(bringBack())
    await run(restored, "UPDATE t SET v = 'other history' WHERE id < 10")
    await burn(restored, 100)
    await run(restored, "SELECT pg_logical_emit_message(true, 'x', repeat('x', 1000000))")
    const { notes } = await guarded(restored, parent, now => withFactsOf(now, 'postmasterStart')(parent))
    expect(notes).toEqual(because('the server was started since'))
  })

  it('a replica that lags behind', async () => {
    const server = await start()
    const standby = await running(startStandby(server))
    await createDatabase(server, 'app')
    await run(server, `${TABLE}; UPDATE t SET v = 'old' WHERE id < 10`)
    await inDatabase(standby, 'postgres', async client => {
      const { rows: [row] } = await inDatabase(server, 'postgres', async other => await other.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn'))
      await vi.waitUntil(async () => (await client.query<{ there: boolean }>('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there', [row?.lsn])).rows[0]?.there, PATIENT)
      await client.query('SELECT pg_wal_replay_pause()')
      await vi.waitUntil(async () => (await client.query<{ state: string }>('SELECT pg_get_wal_replay_pause_state() AS state')).rows[0]?.state === 'paused', PATIENT)
    })
    await run(server, "UPDATE t SET v = 'new' WHERE id < 10")
    const parent = await line.take(of(server))
    const { notes } = await guarded(standby, parent, now => withFactsOf(now, 'postmasterStart', 'snapshotXmin', 'insertPosition')({ ...parent, position: now.position! }))
    expect(notes).toEqual(because('the server was started since'))
    const aside = await line.takeDeceived(of(standby), { of: await line.last(), previous: withFactsOf(await line.take(of(standby)), 'postmasterStart')(parent) })
    expect(await line.differing(of(standby, 'full'), [aside])).toEqual([[]])
  })

  /** Transactions that no WAL on disk knows of, a snapshot that saw them end, and what makes the server fall. */
  async function lost (server: TestPostgres): Promise<{ parent: CaptureSummary, writer: number }> {
    await createDatabase(server, 'app')
    await run(server, TABLE)
    await run(server, 'CHECKPOINT')
    const writer = await inDatabase(server, 'app', async client => {
      const { rows: [row] } = await client.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
      process.kill(row!.pid, 'SIGSTOP')
      await client.query('SET synchronous_commit = off')
      for (let id = 50; id < 90; id++) await client.query("UPDATE t SET v = 'lost' WHERE id = $1", [id])
      return row!.pid
    })
    const parent = await line.take(of(server))
    expect(parent.facts).toMatchObject({ reads: { base: false } })
    return { parent, writer }
  }
  /** Waits until a server whose process died has recovered. */
  async function revived ({ host, port, user, password }: TestPostgres): Promise<void> {
    await vi.waitUntil(async () => {
      const client = new pg.Client({ host, port, user, password, database: 'app', connectionTimeoutMillis: 2_000 })
      client.on('error', () => undefined)
      try {
        await client.connect()
        return (await client.query('SELECT pg_stat_clear_snapshot()')).rowCount === 1
      } catch {
        return false
      } finally {
        client.connection.stream.destroy()
      }
    }, PATIENT)
  }
  const QUIET = { autovacuum: 'off', synchronous_commit: 'off', bgwriter_lru_maxpages: '0' }

  it('transactions that a crash undid, whose xids others got', async () => {
    const server = await start({ settings: QUIET })
    const { parent, writer } = await lost(server)
    process.kill(writer, 'SIGKILL')
    await revived(server)
    await run(server, "UPDATE t SET v = 'after the crash' WHERE id < 10")
    await burn(server, 100)
    const { notes } = await guarded(server, parent, now => withFactsOf(now, 'insertPosition')(asBase({ ...parent, position: now.position! })))
    expect(notes).toEqual(because('the server might have lost transactions that the snapshot before saw'))
  })

  it('transactions that died with the server', async () => {
    const server = await start({ settings: QUIET })
    const { parent, writer } = await lost(server)
    await server.kill()
    process.kill(writer, 'SIGKILL')
    await rm(join(server.dataFolder, 'postmaster.pid')) // names a process that nobody has waited for
    const again = await running(startPostgresOn(server.dataFolder, { major: 18 }))
    await run(again, "UPDATE t SET v = 'after the crash' WHERE id < 10")
    await burn(again, 100)
    const { notes } = await guarded(again, parent, now => withFactsOf(now, 'insertPosition', 'postmasterStart')(asBase({ ...parent, position: now.position! })))
    expect(notes).toEqual(because('the server might have lost transactions that the snapshot before saw'))
  })
})

describe('the guard', () => {
  const facts = { systemIdentifier: '7', timeline: 1, databaseOid: '5', postmasterStart: 'then', serverVersionNumber: 180001, snapshotXmin: '5000000000', snapshotXmax: '5000000010', insertPosition: '1/FF', position: null }
  const parent = { facts, position: '1/F0' }
  const present = { facts, visible: '2/0' }

  it('lets the same history pass', () => {
    expect(whyUnsure(parent, present)).toBeUndefined()
    expect(whyUnsure(parent, { facts: { ...facts, snapshotXmax: String(5_000_000_000 + 2 ** 30 - 1) }, visible: '1/FF' })).toBeUndefined()
  })

  it.each([
    ['systemIdentifier', '8', 'another server'], ['timeline', 2, 'timeline'], ['databaseOid', '6', 'another database'], ['postmasterStart', 'now', 'started since'],
    ['serverVersionNumber', 180002, 'another version'], ['systemIdentifier', null, 'another server'],
    ['snapshotXmax', '4999999999', 'transactions are not those'], ['snapshotXmax', String(5_000_000_000 + 2 ** 30), 'too many transactions'], ['snapshotXmax', null, 'transactions are not those'],
  ])('stops when %s is %s', (name, value, reason) => {
    expect(whyUnsure(parent, { ...present, facts: { ...facts, [name]: value } })).toContain(reason)
  })

  it('stops when both do not know', () => {
    const ignorant = { ...facts, systemIdentifier: null, timeline: null }
    expect(whyUnsure({ ...parent, facts: ignorant }, { ...present, facts: ignorant })).toContain('does not tell its systemIdentifier')
  })

  it.each([['1/FE'], ['0/FFFFFFFF'], [null], ['nonsense']])('stops when the server is at %s only', visible => {
    expect(whyUnsure(parent, { facts, visible })).toContain('has not come as far')
  })
})
