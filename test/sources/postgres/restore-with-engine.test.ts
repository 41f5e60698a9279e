import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../../src/cas/repository.ts'
import type { Repository } from '../../../src/cas/repository.ts'
import { walk } from '../../../src/dag/walk.ts'
import type { RegenerationPolicy } from '../../../src/engine/contract.ts'
import { pendingRestores } from '../../../src/engine/restore-journal.ts'
import { restoreSnapshot } from '../../../src/engine/restore.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../../src/engine/snapshot-view.ts'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import type { PostgresRestorerOptions } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import { flipBlob } from '../../engine/flip-blob.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { createDatabase, createNastyDatabase, inDatabase } from './databases.ts'

/** What the database of `nasty.sql` can lose. */
const HARM = `
  INSERT INTO keyless VALUES (7); UPDATE parent SET v = 'z'; DROP INDEX partial_index; DROP TABLE secrets; DROP VIEW grouped; UPDATE events SET n = 9;
  REFRESH MATERIALIZED VIEW counted; SELECT lo_unlink(99), lo_put(4711, 3, 'x'), setval('alone', 3)`

describe('PostgreSQL restored from snapshots', () => {
  let running: TestPostgres
  let server: PostgresServer
  let repository: Repository
  let snapshot: string

  beforeAll(async () => {
    running = await startPostgres({ major: 18 })
    server = new PostgresServer({ url: running.url('postgres') })
    await createNastyDatabase(running, 'nasty')
    repository = await createRepository(memoryBackend())
    snapshot = (await createSnapshot(repository, { sources: [postgresSource({ server, database: 'nasty' })], description: 'before' })).id
  })
  afterAll(async () => {
    await repository.close()
    await running.stop()
  })

  /** How many artifacts were brought back. */
  const restore = async (options: Partial<PostgresRestorerOptions>, policy: Partial<RegenerationPolicy>, history = false): Promise<number> =>
    (await restoreSnapshot(repository, snapshot, {
      restorers: [postgresRestorer({ server, database: 'nasty', mode: 'in-place', ...options })],
      policy: { preserveHistory: history, ...policy }, ...(history && { history: [postgresSource({ server, database: 'nasty' })] }),
    })).restored

  it('brings back in place what was harmed, and finds nothing left to do', async () => {
    expect(await restore({}, { strategy: 'incremental' })).toBe(0)
    await inDatabase(running, 'nasty', async client => { await client.query(HARM) })
    expect(await restore({}, { strategy: 'incremental' }, true)).toBeGreaterThan(15)
    expect(await restore({}, { strategy: 'incremental' })).toBe(0)
  })

  it('takes everything again when told to', async () => {
    expect(await restore({}, { strategy: 'full' })).toBeGreaterThan(150)
    expect(await restore({}, { strategy: 'incremental' })).toBe(0)
  })

  it('puts chosen tables beside the others, with the keys between them only', async () => {
    const select = { tables: ['public.chicken', 'egg', 'public.events_2025', 'Ta.ble "q" ünï'] }
    await restore({ schemas: { public: 'scratch' } }, { strategy: 'selective', select })
    const keys = await inDatabase(running, 'nasty', async client => (await client.query<{ def: string }>({
      text: "SET search_path = ''; SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) AS def FROM pg_constraint WHERE contype = 'f' AND connamespace = to_regnamespace('scratch') ORDER BY 1",
    }) as unknown as ReadonlyArray<{ rows: Array<{ def: string }> }>)[1]?.rows.map(({ def }) => def))
    expect(keys).toEqual([
      'scratch.chicken FOREIGN KEY (egg) REFERENCES scratch.egg(id) DEFERRABLE INITIALLY DEFERRED',
      'scratch.egg FOREIGN KEY (chicken) REFERENCES scratch.chicken(id)', 'scratch.egg FOREIGN KEY (self) REFERENCES scratch.egg(id)',
    ])
    await inDatabase(running, 'nasty', async client => {
      const { rows } = await client.query('SELECT m::text, p::text, pairs::text, r::text FROM public."Ta.ble ""q"" ünï" EXCEPT SELECT m::text, p::text, pairs::text, r::text FROM scratch."Ta.ble ""q"" ünï"')
      expect(rows).toEqual([])
      await client.query('DROP SCHEMA scratch CASCADE')
    })
  })

  it('makes no new database out of damaged bytes, and names whose they are', async () => {
    const rows = 'postgres/rows/public.parent'
    const { node } = (await loadNodes(await findView(repository, snapshot), repository)).get(rows)!
    const chunks = await Array.fromAsync(walk([node.content.root], repository))
    const address = chunks.find(({ kind }) => kind === 'chunk')!.address
    const databases = async (): Promise<unknown[]> => await inDatabase(running, 'postgres', async client => (await client.query<{ datname: string }>('SELECT datname FROM pg_database ORDER BY 1')).rows)
    const before = await databases()
    await flipBlob(repository, address)
    const fresh = await openRepository(repository.backend)
    try {
      const restorers = [postgresRestorer({ server, database: 'elsewhere', mode: 'create' })]
      await expect(restoreSnapshot(fresh, snapshot, { restorers, policy: { preserveHistory: false } })).rejects.toMatchObject({ code: 'NODE_INVALID', data: { id: rows, address } })
      expect(await databases()).toEqual(before)
      expect(await pendingRestores(fresh)).toEqual([])
    } finally {
      await fresh.close()
      await flipBlob(repository, address)
    }
  })

  it('brings back a table that several connections share, and shows damage in any part of it', async () => {
    await createDatabase(running, 'large')
    await inDatabase(running, 'large', async client => {
      await client.query('CREATE TABLE large (id int PRIMARY KEY, t text); INSERT INTO large SELECT i, repeat(md5(i::text), 60) FROM generate_series(1, 9000) i')
    })
    const { id } = await createSnapshot(repository, { sources: [postgresSource({ server, database: 'large' })], description: 'large' })
    const restoreInto = async (database: string): Promise<void> => {
      const fresh = await openRepository(repository.backend)
      try {
        await restoreSnapshot(fresh, id, { restorers: [postgresRestorer({ server, database, mode: 'create' })], policy: { preserveHistory: false } })
      } finally {
        await fresh.close()
      }
    }
    await restoreInto('larger')
    const [rows, writers] = await inDatabase(running, 'larger', async client => [
      (await client.query<{ same: string }>('SELECT count(*)::text AS same FROM large WHERE t = repeat(md5(id::text), 60)')).rows[0]!.same,
      (await client.query('SELECT DISTINCT xmin::text FROM large')).rowCount,
    ])
    expect([rows, writers]).toEqual(['9000', 2])
    const { node } = (await loadNodes(await findView(repository, id), repository)).get('postgres/rows/public.large')!
    const last = (await Array.fromAsync(walk([node.content.root], repository))).findLast(({ kind }) => kind === 'chunk')!
    await flipBlob(repository, last.address)
    await expect(restoreInto('largest')).rejects.toMatchObject({ code: 'NODE_INVALID', data: { id: node.id, address: last.address } })
    expect((await inDatabase(running, 'postgres', async client => await client.query("SELECT FROM pg_database WHERE datname LIKE 'largest%'"))).rowCount).toBe(0)
    await flipBlob(repository, last.address)
  })

  it('replaces the whole database, and holds it afterwards', async () => {
    await inDatabase(running, 'nasty', async client => { await client.query(`${HARM}; CREATE TABLE later ()`) })
    await inDatabase(running, 'nasty', async client => { await client.query('ALTER SUBSCRIPTION from_elsewhere SET (slot_name = NONE)') })
    expect(await restore({ mode: 'create', replace: 'swap', disconnect: true }, { strategy: 'incremental' })).toBeGreaterThan(150)
    expect(await restore({ mode: 'create' }, { strategy: 'incremental' })).toBe(0)
    expect(await restore({}, { strategy: 'incremental' })).toBe(0)
  })
})
